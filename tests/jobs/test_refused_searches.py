"""A search that is not for the threat model is refused before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from small_jobs import THRM
from small_models import small_experiment

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.measurements.epsilon_curve import EpsilonCurve
from hypo.measurements.evaluation import Evaluation
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Round(ProjectedGradient):
    """A search for ℓ2 alone."""

    def check(self, threat_model: ThreatModel) -> None:
        if not isinstance(threat_model, L2):
            raise InputError(f"takes threat_model=l2, got {type(threat_model).__name__.lower()}")


FIRST, LAST = Evaluation(Round()), Evaluation(ProjectedGradient(), then={"round": Round()})
ELSEWHERE = EpsilonCurve(norm="linf")


@pytest.mark.parametrize(
    ("evaluation", "changes", "where"),
    [
        (FIRST, {}, "evaluation.attack"),
        (LAST, {}, "evaluation.then.round"),
        (
            LAST,
            {"threat_model": L2(0.5), "measurements": {"c": EpsilonCurve(norm="linf")}},
            "evaluation.then.round",
        ),
    ],
)
def test_one_line_says_which_search_and_what_it_takes(
    evaluation: Evaluation, changes: dict[str, Any], where: str
) -> None:
    with pytest.raises(InputError) as error:
        small_experiment(THRM, evaluation=evaluation, **changes).check()
    assert str(error.value) == f"{where}: takes threat_model=l2, got linf"


def test_it_is_taken_where_it_fits() -> None:
    small_experiment(THRM, evaluation=LAST, threat_model=L2(0.5), measurements={"c": EpsilonCurve()}).check()
    small_experiment(THRM, evaluation=Evaluation(ProjectedGradient()), threat_model=Linf(0.1)).check()
