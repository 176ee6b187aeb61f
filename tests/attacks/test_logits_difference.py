"""The difference of two logits: that of a rival and of the class at stake, or the margin of one that is wanted."""

from __future__ import annotations

import torch

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import PerExample, lead
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.logits_difference import LogitsDifference

LOGITS = torch.tensor([[1.0, 5.0, 2.0], [1.0, 5.0, 2.0], [4.0, 0.5, 3.0]])
LABELS, RIVALS = torch.tensor([0, 0, 2]), torch.tensor([2, 1, 1])


def test_a_class_that_is_left_is_compared_with_its_rival_alone() -> None:
    difference = LogitsDifference(Adversarial(LABELS), RIVALS)
    assert difference.objective(LOGITS).tolist() == [1.0, 4.0, -2.5]
    assert torch.equal(difference.margin(LOGITS), Adversarial(LABELS).margin(LOGITS))


def test_a_class_that_is_wanted_is_compared_with_all_others() -> None:
    difference = LogitsDifference(Hypocritical(LABELS), RIVALS)
    assert torch.equal(difference.objective(LOGITS), lead(LOGITS, LABELS))


def test_a_mixture_has_each_example_s_own() -> None:
    condition = torch.tensor([True, False, True])
    goal = PerExample(condition, Adversarial(LABELS), Hypocritical(LABELS))
    assert LogitsDifference(goal, RIVALS).objective(LOGITS).tolist() == [1.0, -4.0, -2.5]
