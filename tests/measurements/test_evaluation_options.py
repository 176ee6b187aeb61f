"""The evaluations that can be asked for by name: Table 14 of Tao et al. 2022."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from composing import cell as job

from hypo.measurements.evaluation import Evaluation

PUBLISHED = {  # steps, their length in units of ε, objective
    "fgsm": (1, 1.0, "cross_entropy"),
    "pgd20": (20, 0.25, "cross_entropy"),
    "pgd100": (100, 0.25, "cross_entropy"),
    "cw100": (100, 0.25, "margin"),
}


def evaluation(name: str, threat_model: str, authors_code: bool) -> dict[str, Any]:
    overrides = f"evaluation={name}", f"threat_model={threat_model}", f"authors_code={str(authors_code).lower()}"
    return dict(job(*overrides).config["evaluation"])


@pytest.mark.parametrize("name", sorted(PUBLISHED))
@pytest.mark.parametrize("threat_model", ["linf", "l2"])
@pytest.mark.parametrize("authors_code", [False, True])
def test_options_are_the_paper_s_and_score_as_paper_or_code(
    name: str, threat_model: str, authors_code: bool
) -> None:
    found = evaluation(name, threat_model, authors_code)
    attack = found["attack"]
    assert (attack["steps"], attack["relative_step"], found["objective"]) == PUBLISHED[name]
    random_start = "authors_code" if authors_code else "uniform"
    assert attack["start"] == ("clean" if name == "fgsm" else random_start)
    assert found["success"] == ("last_iterate" if authors_code else "any_iterate")
    assert {field.name for field in fields(Evaluation)} <= set(found)
