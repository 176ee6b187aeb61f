"""Risks over the radius of the attack: known on a line, nested, and in agreement with the flags."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from composing import job as composed
from small_models import linear_model
from subjects import subject
from torch import nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split
from hypo.measurements.epsilon_curve import MULTIPLES, EpsilonCurve
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Finding
from hypo.measurements.risks import Share, risks
from hypo.settings.errors import InputError

ATTACK = ProjectedGradient(steps=10)


def points(finding: Finding, name: str) -> dict[float, Share]:
    (curve,) = (curve for curve in finding.curves if curve.name == name)
    return {float(point.at): point.share for point in curve.points}


@pytest.mark.parametrize("norm", ["linf", "l2", None])
def test_on_a_line_every_radius_is_known(norm: Any) -> None:
    """One pixel, prediction 1 where it is above half; four images are right, and three wrong."""
    model = linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, -0.5]))
    pixels, labels = [10, 100, 130, 250, 110, 170, 20], [0, 0, 1, 1, 1, 0, 1]
    test = Split(torch.tensor(pixels, dtype=torch.uint8).view(7, 1, 1, 1), torch.tensor(labels))
    away = [abs(Fraction(pixel, 255) - Fraction(1, 2)) for pixel in pixels]
    radii = (0.03, 0.1, 0.2, 0.5)
    measured = subject(model, test, 255, Linf(0.1), Evaluation(ATTACK), classes=2)
    found = EpsilonCurve(radii, norm).measure(measured)
    for epsilon in (0.0, *radii):
        broken = sum(distance < epsilon for distance in away[:4])
        hidden = sum(distance < epsilon for distance in away[4:])
        assert points(found, "A")[epsilon] == Share(4 - broken, 7)
        assert points(found, "F")[epsilon] == Share(4 + hidden, 7)
        assert points(found, "R_adv_plus")[epsilon] == Share(broken, 4)
        assert points(found, "R_hyp_minus")[epsilon] == Share(hidden, 3)


@pytest.mark.parametrize("threat_model", [Linf(0.06), L2(0.35)])
def test_nothing_is_lost_as_the_ball_grows_and_at_its_own_radius_stand_the_flags(
    digits: ImageData, digits_mlp: nn.Module, threat_model: ThreatModel
) -> None:
    evaluation = Evaluation(ATTACK, test_limit=300)
    test, _ = digits.test.limited(300)
    measured = replace(
        subject(digits_mlp, test, 16, threat_model, evaluation, classes=10), evaluation=Evaluation(ATTACK)
    )
    own = EpsilonCurve((threat_model.epsilon,)).measure(measured)
    core = risks(measured.flags)
    for name in ("A", "F", "R_adv_plus", "R_hyp_minus"):
        assert points(own, name)[threat_model.epsilon] == core[name]
    found = EpsilonCurve().measure(measured)
    assert list(points(found, "A")) == [0.0, *(factor * threat_model.epsilon for factor in MULTIPLES)]
    for name, sign in (("A", -1), ("F", 1), ("R_adv_plus", 1), ("R_hyp_minus", 1)):
        counts = [sign * share.count for share in points(found, name).values()]
        assert counts == sorted(counts)
        assert counts[0] < counts[-1]


def test_radii_come_in_their_order_and_multiples_are_of_the_radius_that_is_named() -> None:
    assert EpsilonCurve((0.3, 0.1, 0.3)).epsilons == (0.1, 0.3)
    model = linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, -0.5]))
    test = Split(torch.tensor([[[[200]]]], dtype=torch.uint8), torch.tensor([1]))
    measured = subject(model, test, 255, Linf(0.1), Evaluation(ATTACK), classes=2)
    found = EpsilonCurve(norm="l2", epsilon=0.4).measure(measured)
    assert list(points(found, "A")) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8])


def test_both_norms_can_be_asked_for_at_once(tmp_path: Path) -> None:
    job = composed("measurement=[epsilon_curve,epsilon_curve_l2]", "measurement.epsilon_curve.epsilons=[8/255]")
    assert job.experiment.measurements["epsilon_curve"] == EpsilonCurve((8 / 255,))
    other = job.experiment.measurements["epsilon_curve_l2"]
    assert isinstance(other, EpsilonCurve)
    assert (other.norm, other.epsilon) == ("l2", composed("threat_model=l2").experiment.threat_model.epsilon)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("epsilons=[0,0.1]", "epsilons: takes a number > 0 .* got 0"),
        ("epsilons=[]", r"epsilons: takes at least one number, or null, got \[\]"),
        ("epsilon=0", "epsilon: takes a number > 0 .* got 0"),
        ("norm=l1", "norm: takes one of linf, l2, got 'l1'"),
    ],
)
def test_what_is_no_radius_and_no_norm_is_refused(setting: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"^measurement.epsilon_curve.{reason}"):
        composed("measurement=[epsilon_curve]", f"measurement.epsilon_curve.{setting}")
