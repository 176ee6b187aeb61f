"""Targeted success rates on the mistakes, with what is there already told apart from what is moved."""

from __future__ import annotations

import pytest
import torch
from small_models import linear_model
from subjects import subject, targeted_rates
from torch import nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Share, risks

ATTACK = ProjectedGradient(steps=10)


@pytest.mark.parametrize("threat_model", [Linf(0.1), L2(0.1)])
@pytest.mark.parametrize("objective", ["cross_entropy", "margin"])
def test_on_a_line_the_rates_are_known(threat_model: ThreatModel, objective: str) -> None:
    """One pixel x, prediction 1 where x > 0.5; label 2 is never predicted, so that every image is a mistake."""
    model = linear_model(torch.tensor([[-1.0], [1.0], [0.0]]), torch.tensor([0.5, -0.5, -9.0]))
    pixels = torch.tensor([50, 110, 120, 140, 150, 200], dtype=torch.uint8)  # the line is at 127.5, ε is 25.5
    test = Split(pixels.view(6, 1, 1, 1), torch.full((6,), 2))
    evaluation = Evaluation(ATTACK, objective=objective)  # type: ignore[arg-type]
    assert targeted_rates(subject(model, test, 255, threat_model, evaluation, classes=3)) == [
        (Share(3, 6), Share(2, 3)),
        (Share(3, 6), Share(2, 3)),
        (Share(0, 6), Share(0, 6)),
    ]


@pytest.mark.parametrize("threat_model", [Linf(0.06), L2(0.35)])
@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
def test_rates_add_up_and_do_not_depend_on_the_batch(
    digits: ImageData, digits_mlp: nn.Module, threat_model: ThreatModel, success: str
) -> None:
    def found(batch: int) -> list[tuple[Share, Share]]:
        evaluation = Evaluation(ATTACK, success=success, batch=batch)  # type: ignore[arg-type]
        return targeted_rates(subject(digits_mlp, digits.test, 16, threat_model, evaluation, classes=10))

    by_class = found(500)
    assert by_class == found(7)
    mistakes = by_class[0][0].of
    assert mistakes > 20
    assert sum(already.count for already, _ in by_class) == mistakes
    assert all(moved.of == mistakes - already.count for already, moved in by_class)
    assert any(0 < moved.count < moved.of for _, moved in by_class)


@pytest.mark.parametrize("threat_model", [Linf(0.05), L2(0.1)])
@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
def test_with_two_classes_what_is_moved_is_what_a_false_friend_hides(
    threat_model: ThreatModel, success: str
) -> None:
    """A mistake that is not the target yet has it as its label; a linear model leaves nothing to chance."""
    random = torch.Generator().manual_seed(0)
    model = linear_model(torch.tensor([[1.0, 1.0, 0.5, -0.5], [0.0] * 4]), torch.tensor([-1.0, 0.0]))
    images = torch.randint(50, 206, (60, 1, 2, 2), generator=random, dtype=torch.uint8)
    test = Split(images, torch.randint(2, (60,), generator=random))
    evaluation = Evaluation(ATTACK, success=success)  # type: ignore[arg-type]
    hidden = risks(evaluate(model, test, 255, threat_model, evaluation, seed=0))["R_hyp_minus"]
    assert 0 < hidden.count < hidden.of
    by_class = targeted_rates(subject(model, test, 255, threat_model, evaluation, classes=2))
    assert sum(moved.count for _, moved in by_class) == hidden.count
    assert sum(moved.of for _, moved in by_class) == hidden.of


def test_a_larger_ball_reaches_no_less(digits: ImageData, digits_mlp: nn.Module) -> None:
    evaluation = Evaluation(ATTACK)
    measured = (subject(digits_mlp, digits.test, 16, Linf(size), evaluation, 10) for size in (0.02, 0.2))
    small, large = (sum(moved.count for _, moved in targeted_rates(each)) for each in measured)
    assert small < large


def test_without_mistakes_there_is_nothing_to_take_a_share_of() -> None:
    model = linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, -0.5]))
    test = Split(torch.tensor([[[[200]]]], dtype=torch.uint8), torch.tensor([1]))
    for already, moved in targeted_rates(subject(model, test, 255, Linf(0.1), Evaluation(ATTACK), classes=2)):
        assert (already.value, moved.value, moved.interval) == (None, None, None)
