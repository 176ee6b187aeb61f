"""The ratio of differences of logits: it is what the paper says, and always leads somewhere."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal, PerExample, lead
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.logits_ratio import LogitsRatio

EXAMPLES = 6

seeds, several = st.integers(0, 10_000), st.integers(2, 8)


def drawn(seed: int, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, labels, and another class for each."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (EXAMPLES,), generator=random)
    others = (labels + 1 + torch.randint(classes - 1, (EXAMPLES,), generator=random)) % classes
    return 3 * torch.randn(EXAMPLES, classes, generator=random), labels, others


@given(seeds, st.integers(4, 8))
def test_with_four_classes_or_more_it_is_the_published_one(seed: int, classes: int) -> None:
    logits, labels, rivals = drawn(seed, classes)
    ordered = logits.sort(1, descending=True).values
    at = torch.arange(EXAMPLES)
    expected = -(logits[at, labels] - logits[at, rivals]) / (ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2)
    torch.testing.assert_close(LogitsRatio(Adversarial(labels), rivals).objective(logits), expected)


@given(seeds, several, st.floats(-50, 50), st.floats(0.01, 100))
def test_neither_shift_nor_scale_of_the_logits_changes_it(
    seed: int, classes: int, shift: float, scale: float
) -> None:
    """Of two classes the scale does: no other difference is left to compare with."""
    logits, labels, rivals = drawn(seed, classes)
    logits = logits.double()
    for goal in (Adversarial(labels), Hypocritical(labels)):
        ratio = LogitsRatio(goal, rivals)
        changed = ratio.objective((scale if classes > 2 else 1) * logits + shift)
        torch.testing.assert_close(changed, ratio.objective(logits), rtol=1e-6, atol=1e-6)


@given(seeds, several)
def test_its_sign_says_which_logit_is_larger(seed: int, classes: int) -> None:
    logits, labels, rivals = drawn(seed, classes)
    at = torch.arange(EXAMPLES)
    leaving = LogitsRatio(Adversarial(labels), rivals).objective(logits)
    assert torch.equal(leaving > 0, logits[at, rivals] > logits[at, labels])
    reaching = LogitsRatio(Hypocritical(labels), rivals).objective(logits)
    assert torch.equal(reaching > 0, lead(logits, labels) > 0)


@given(seeds, several)
def test_it_has_a_gradient_whichever_class_is_ahead(seed: int, classes: int) -> None:
    """A difference that is divided by itself would have none."""
    logits, labels, rivals = drawn(seed, classes)
    goals: tuple[Goal, ...] = (Adversarial(labels), Hypocritical(labels))
    for goal in goals:
        at = logits.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(LogitsRatio(goal, rivals).objective(at).sum(), at)
        assert (gradient.abs().amax(1) > 1e-3).all()


def test_it_passes_on_what_its_goal_is() -> None:
    logits, labels, rivals = drawn(0, 5)
    goal = PerExample(torch.arange(EXAMPLES) % 2 == 0, Adversarial(labels), Hypocritical(labels))
    ratio = LogitsRatio(goal, rivals)
    assert torch.equal(ratio.margin(logits), goal.margin(logits))
    assert torch.equal(ratio.classes, goal.classes)
    assert torch.equal(ratio.wanted, goal.wanted)
    assert torch.equal(ratio.starts_gaussian, goal.starts_gaussian)
    leaving = LogitsRatio(Adversarial(labels), rivals).objective(logits)
    reaching = LogitsRatio(Hypocritical(labels), rivals).objective(logits)
    assert torch.equal(ratio.objective(logits), torch.where(goal.condition, leaving, reaching))


@pytest.mark.parametrize("classes", [3, 4])
def test_logits_that_are_all_equal_do_not_divide_by_zero(classes: int) -> None:
    logits, labels = torch.zeros(2, classes), torch.tensor([0, 1])
    assert torch.equal(LogitsRatio(Adversarial(labels), labels + 1).objective(logits), torch.zeros(2))
