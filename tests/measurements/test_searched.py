"""What was known after each search is what an evaluation finds that has the searches up to it and no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_models import InDouble, quickly_trained

from hypo.architectures.mlp import Mlp
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.searches.search import Search
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.finding import Core
from hypo.measurements.risks import Flags, risks, searches
from hypo.measurements.searched import SHARES, so_far

WEAK = ProjectedGradient(steps=2, relative_step=0.2)
THEN: dict[str, Search] = {
    "random": RandomPoints(20),
    "long": ProjectedGradient(steps=8),
    "again": ProjectedGradient(steps=8),
}


def result(flags: Flags) -> dict[str, Any]:
    return Core(risks(flags), {}, searches(flags)).as_json()


def test_it_is_what_the_searches_so_far_find_alone_and_take(digits: ImageData) -> None:
    network = InDouble(quickly_trained(Mlp((32,)).build(digits.shape, 10), digits, epochs=1)).eval()
    test = digits.test.select(torch.arange(150))

    def found(count: int) -> dict[str, Any]:
        evaluation = Evaluation(WEAK, then=dict(list(THEN.items())[:count]))
        return result(evaluate(network, test, 16, Linf(0.06), evaluation, seed=0))

    steps = so_far(found(3))
    assert [step.search for step in steps] == ["attack", *THEN]
    for count, step in enumerate(steps):
        alone = found(count)
        for name in SHARES:
            assert step.shares[name] == pytest.approx(alone[name], abs=1e-12)
        spent = [by["passes"] for by in alone["searches"].values()]
        assert step.passes == spent[-1]
        assert step.relative_passes == pytest.approx(sum(spent) / spent[0])
        assert step.decided == {flag: alone["searches"][step.search][flag] for flag in ("adv", "hyp", "sta")}
    assert steps[0].shares["A"] != steps[-1].shares["A"]
    assert steps[0].shares["F"] != steps[-1].shares["F"]
    assert steps[-1].shares == {name: found(3)[name] for name in SHARES}  # to the last bit


def test_what_there_is_nothing_to_take_a_share_of_stays_undefined_and_what_was_not_counted_unknown() -> None:
    nothing = {"adv": 0, "hyp": 0, "sta": 0}
    found = {"D": 0.5, "A": 0.5, "F": 0.5, "R_adv_plus": None, "R_hyp_minus": np.nan}
    for first, then, relative in (({}, {}, None), ({"passes": 4}, {}, None), ({"passes": 0}, {"passes": 3}, None)):
        steps = so_far({**found, "searches": {"attack": {**nothing, **first}, "then": {**nothing, **then}}})
        assert steps[-1].relative_passes is relative
        for step in steps:
            assert (step.shares["A"], step.shares["F"], step.shares["R_adv_plus"]) == (0.5, 0.5, None)
            assert np.isnan(step.shares["R_hyp_minus"] or 0)
