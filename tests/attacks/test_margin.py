"""The margin as the objective of every goal."""

from __future__ import annotations

import pytest
import torch
from small_models import linear_model

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.margin import Margin
from hypo.attacks.goals.stability import Stability
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel

LOGITS = torch.tensor([[-3.0, -1.0, -2.0], [4.0, 4.5, -9.0]])
LABELS = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (Adversarial(LABELS), [2.0, -0.5]),
        (Hypocritical(LABELS), [-2.0, 0.5]),
        (Targeted(torch.tensor([2, 2])), [-1.0, -13.5]),
        (Stability(LOGITS), [-1.0, -0.5]),
    ],
)
def test_the_margin_is_climbed_even_where_all_logits_are_negative(goal: Goal, expected: list[float]) -> None:
    torch.testing.assert_close(Margin(goal).objective(LOGITS), torch.tensor(expected))
    torch.testing.assert_close(Margin(goal).margin(LOGITS), torch.tensor(expected))


def test_it_has_a_gradient_where_the_cross_entropy_has_none() -> None:
    logits = torch.tensor([[110.0, 0.0]], requires_grad=True)
    label = torch.tensor([0])
    (vanished,) = torch.autograd.grad(Adversarial(label).objective(logits).sum(), logits)
    (climbed,) = torch.autograd.grad(Margin(Adversarial(label)).objective(logits).sum(), logits)
    assert vanished.abs().max() == 0
    assert climbed.tolist() == [[-1.0, 1.0]]


@pytest.mark.parametrize("threat_model", [Linf(0.1), L2(0.1)])
def test_on_a_linear_model_the_end_point_is_the_best_of_the_ball(threat_model: ThreatModel) -> None:
    """argmax of w·(x + δ) is δ = ε·sign(w) over ‖δ‖_∞ <= ε, and δ = ε·w/‖w‖ over ‖δ‖₂ <= ε."""
    weight = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))
    images = torch.full((3, 1, 3, 4), 0.5)
    goal = Margin(Hypocritical(torch.ones(3, dtype=torch.long)))
    random = torch.Generator().manual_seed(1)
    found = ProjectedGradient(steps=80).last(linear_model(weight), images, goal, threat_model, random)
    w = (weight[1] - weight[0]).view(1, 1, 3, 4)
    furthest = w.sign() if isinstance(threat_model, Linf) else w / w.norm()
    torch.testing.assert_close(found, images + 0.1 * furthest.expand_as(images))
