from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal, PerExample, lead
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.margin import Margin
from hypo.attacks.goals.stability import Stability, divergence
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.goals.verification import Verification

EXAMPLES, CLASSES = 8, 5


def drawn(seed: int, scale: float = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits at a perturbed and at the clean input, and labels."""
    random = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(2, EXAMPLES, CLASSES, generator=random)
    return logits[0], logits[1], torch.randint(CLASSES, (EXAMPLES,), generator=random)


GOALS = {
    "adversarial": lambda clean, labels: Adversarial(labels),
    "hypocritical": lambda clean, labels: Hypocritical(labels),
    "stability": lambda clean, labels: Stability(clean),
    "targeted": lambda clean, labels: Targeted(labels),
}

REACHED = {
    "adversarial": lambda prediction, clean, labels: prediction != labels,
    "hypocritical": lambda prediction, clean, labels: prediction == labels,
    "stability": lambda prediction, clean, labels: prediction != clean.argmax(1),
    "targeted": lambda prediction, clean, labels: prediction == labels,
}


@given(st.sampled_from(sorted(GOALS)), st.integers(0, 10_000), st.floats(-50, 50))
def test_margin_is_positive_exactly_where_the_goal_is_reached(name: str, seed: int, shift: float) -> None:
    logits, clean, labels = drawn(seed)
    logits = logits + shift  # negative all, positive all, or mixed
    reached = REACHED[name](logits.argmax(1), clean, labels)
    assert torch.equal(GOALS[name](clean, labels).margin(logits) > 0, reached)


@given(st.sampled_from(sorted(GOALS)), st.integers(0, 10_000))
def test_a_goal_is_reached_exactly_where_the_prediction_is_the_class_at_stake_or_not(name: str, seed: int) -> None:
    logits, clean, labels = drawn(seed)
    for goal in (GOALS[name](clean, labels), Margin(GOALS[name](clean, labels))):
        assert torch.equal((logits.argmax(1) == goal.classes) == goal.wanted, goal.margin(logits) > 0)


def test_each_example_of_a_mixture_has_its_own_class_at_stake() -> None:
    logits, clean, labels = drawn(0)
    condition = torch.arange(EXAMPLES) % 2 == 0
    mixed = PerExample(condition, Stability(clean), Targeted(labels))
    assert torch.equal(mixed.classes, torch.where(condition, clean.argmax(1), labels))
    assert torch.equal(mixed.wanted, ~condition)
    assert torch.equal((logits.argmax(1) == mixed.classes) == mixed.wanted, mixed.margin(logits) > 0)


def test_lead_of_logits_that_are_all_negative() -> None:
    """The mask that multiplies the label's logit by zero reports 0 as the largest of the others."""
    logits = torch.tensor([[-1.0, -3.0, -2.0]])
    leads = [lead(logits, torch.tensor([label])).item() for label in range(3)]
    assert leads == [1.0, -2.0, -1.0]


@given(st.integers(0, 10_000))
def test_objectives_are_those_of_the_papers(seed: int) -> None:
    logits, clean, labels = drawn(seed)
    probability = logits.double().softmax(1)
    cross_entropy = -probability.gather(1, labels[:, None]).squeeze(1).log().float()
    clean_probability = clean.double().softmax(1)
    kl = (clean_probability * (clean_probability.log() - probability.log())).sum(1).float()
    torch.testing.assert_close(Adversarial(labels).objective(logits), cross_entropy)
    torch.testing.assert_close(Hypocritical(labels).objective(logits), -cross_entropy)
    torch.testing.assert_close(Targeted(labels).objective(logits), -cross_entropy)
    torch.testing.assert_close(Stability(clean).objective(logits), kl, atol=1e-6, rtol=1e-4)


def test_targeted_at_the_label_is_the_hypocritical_goal() -> None:
    logits, _, labels = drawn(0)
    targeted, hypocritical = Targeted(labels), Hypocritical(labels)
    assert torch.equal(targeted.objective(logits), hypocritical.objective(logits))
    assert torch.equal(targeted.margin(logits), hypocritical.margin(logits))


@given(st.integers(0, 10_000), st.sampled_from([0.1, 1, 30, 300]))
def test_divergence_is_not_negative_and_zero_from_itself(seed: int, scale: float) -> None:
    logits, clean, _ = drawn(seed, scale)
    assert divergence(clean, logits).min() >= -1e-6
    assert torch.isfinite(divergence(clean, logits)).all()
    assert torch.equal(divergence(clean, clean), torch.zeros(EXAMPLES))


@pytest.mark.parametrize("scale", [1, 1e3, 1e6])
def test_objectives_and_their_gradients_stay_finite(scale: float) -> None:
    logits, clean, labels = drawn(0, scale)
    for make in GOALS.values():
        goal: Goal = make(clean, labels)
        point = logits.clone().requires_grad_()
        objective = goal.objective(point).sum()
        (gradient,) = torch.autograd.grad(objective, point)
        assert torch.isfinite(objective)
        assert torch.isfinite(gradient).all()


def test_confident_examples_have_no_adversarial_gradient_but_a_hypocritical_one() -> None:
    """Why A can be overestimated where F cannot: point 5 of the correctness list."""
    confident_right = torch.tensor([[110.0, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(F.cross_entropy(confident_right, torch.tensor([0])), confident_right)
    assert gradient.abs().max() == 0
    confident_wrong = torch.tensor([[0.0, 110.0]], requires_grad=True)
    objective = Hypocritical(torch.tensor([0])).objective(confident_wrong).sum()
    (gradient,) = torch.autograd.grad(objective, confident_wrong)
    assert torch.equal(gradient, torch.tensor([[1.0, -1.0]]))


def test_each_example_of_a_batch_can_have_its_own_goal() -> None:
    logits, _, labels = drawn(3)
    condition = torch.arange(EXAMPLES) % 2 == 0
    goal = PerExample(condition, Adversarial(labels), Hypocritical(labels))
    cross_entropy = F.cross_entropy(logits, labels, reduction="none")
    sign = torch.where(condition, 1.0, -1.0)
    assert torch.equal(goal.objective(logits), sign * cross_entropy)
    assert torch.equal(goal.margin(logits), -sign * lead(logits, labels))


@pytest.mark.parametrize("climbed", [lambda goal: goal, Margin])
def test_verification_is_the_adversary_and_the_false_friend_to_the_bit(climbed: Callable[[Goal], Goal]) -> None:
    logits, _, labels = drawn(4, scale=20)
    correct = torch.arange(EXAMPLES) % 2 == 0
    apart = PerExample(correct, climbed(Adversarial(labels)), climbed(Hypocritical(labels)))
    together = climbed(Verification(labels, correct))
    for name in ("classes", "wanted", "starts_gaussian"):
        assert torch.equal(getattr(together, name), getattr(apart, name)), name
    assert torch.equal(together.margin(logits), apart.margin(logits))
    found = []
    for goal in (apart, together):
        at = logits.clone().requires_grad_()
        value = goal.objective(at)
        found.append((value, *torch.autograd.grad(value.sum(), at)))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)
