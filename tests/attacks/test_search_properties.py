"""What holds for every search, whatever it looks for."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_attacks import random_generator
from small_models import InDouble, batch_norm_net, linear_model
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal, PerExample
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.stability import Stability
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.searches.auto_pgd import AutoPGD
from hypo.attacks.searches.decoupled_direction_norm import DecoupledDirectionNorm
from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.searches.multi_targeted import MultiTargeted
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.searches.search import Search, best, best_from, in_ball
from hypo.attacks.searches.square import Square
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData

STEPS, CLASSES, ROUNDING = 7, 4, 1e-6

SEARCHES: dict[str, Search] = {
    "pgd": ProjectedGradient(STEPS),
    "random": RandomPoints(STEPS),
    "apgd_ce": AutoPGD(STEPS),
    "apgd_margin": AutoPGD(STEPS, objective="margin"),
    "apgd_targeted": AutoPGD(STEPS, objective="targeted_dlr", targets=3),
    "multi_targeted": MultiTargeted(STEPS),
    "fmn": FastMinimumNorm(STEPS),
    "fmn_uniform": FastMinimumNorm(STEPS, start="uniform"),
    "ddn": DecoupledDirectionNorm(STEPS),
    "ddn_uniform": DecoupledDirectionNorm(STEPS, start="uniform"),
    "square": Square(STEPS),
}
CASES = [(name, kind) for name in SEARCHES for kind in (Linf, L2) if kind is L2 or "ddn" not in name]
GOALS = ("adversarial", "hypocritical", "stability", "targeted", "mixed")

cases, goal_names, seeds = st.sampled_from(CASES), st.sampled_from(GOALS), st.integers(0, 10_000)


def goal_of(name: str, labels: Tensor, clean: Tensor) -> Goal:
    made: dict[str, Goal] = {
        "adversarial": Adversarial(labels),
        "hypocritical": Hypocritical(labels),
        "stability": Stability(clean),
        "targeted": Targeted((clean.argmax(1) + 1) % clean.shape[1]),
        "mixed": PerExample(clean.argmax(1) == labels, Adversarial(labels), Hypocritical(labels)),
    }
    return made[name]


def drawn(seed: int, goal: str, batch: int = 5) -> tuple[nn.Module, Tensor, Goal]:
    """A network whose result depends on its mode, images that touch 0 and 1, and what is looked for."""
    random = random_generator(seed)
    images = torch.rand(batch, 1, 8, 8, generator=random)
    images[0] = images[0].round()
    model = batch_norm_net(CLASSES)
    with torch.no_grad():
        clean = copy.deepcopy(model).eval()(images)
    return model, images, goal_of(goal, torch.randint(CLASSES, (batch,), generator=random), clean)


@given(cases, goal_names, seeds, st.floats(0.01, 0.6))
@settings(max_examples=60)
def test_what_is_found_is_in_reach_and_no_worse_than_the_images(
    case: tuple[str, type], goal_name: str, seed: int, epsilon: float
) -> None:
    search, ball = SEARCHES[case[0]], case[1](epsilon)
    model, images, goal = drawn(seed, goal_name)
    found = best(search, model, images, goal, ball, random_generator(seed))
    assert ball.distance(found, images).max() <= epsilon + ROUNDING
    assert found.min() >= 0
    assert found.max() <= 1
    assert not found.requires_grad
    model.eval()
    with torch.no_grad():
        assert (goal.margin(model(found)) >= goal.margin(model(images)) - 1e-5).all()


@given(cases, goal_names, seeds, st.floats(0.01, 0.3))
@settings(max_examples=60)
def test_no_visit_outside_the_ball_says_that_it_is_inside_and_the_end_is(
    case: tuple[str, type], goal_name: str, seed: int, epsilon: float
) -> None:
    search, ball = SEARCHES[case[0]], case[1](epsilon)
    model, images, goal = drawn(seed, goal_name)
    model.eval()
    noise = torch.randn(images.shape, generator=random_generator(seed))
    state = in_ball(search.begin(images, goal, ball, noise), images, ball)
    for number in range(search.steps):
        distance = ball.distance(state["points"], images)
        before = {name: tensor.clone() for name, tensor in state.items()}
        visit = search.step(model, state, images, goal, ball, number)
        inside = torch.ones(len(images), dtype=torch.bool) if visit.inside is None else visit.inside
        assert (distance[inside] <= epsilon + ROUNDING).all()
        assert not visit.logits.requires_grad
        assert all(torch.equal(before[name], state[name]) for name in before)  # left as it is
        assert all(len(tensor) == len(images) and not tensor.requires_grad for tensor in visit.state.values())
        state = visit.state
    assert ball.distance(state["points"], images).max() <= epsilon + ROUNDING


@pytest.mark.parametrize("goal_name", GOALS)
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_an_example_s_search_hangs_on_nothing_but_the_example(
    digits: ImageData, digits_mlp: nn.Module, name: str, kind: type, goal_name: str
) -> None:
    """Neither on those in its batch nor on their goals; and the same noise gives the same points."""
    model = InDouble(copy.deepcopy(digits_mlp)).eval()
    images, labels = digits.test.images[:8].float() / digits.maximum, digits.test.labels[:8]
    labels = torch.where(torch.arange(8) % 3 == 0, (labels + 1) % 10, labels)  # mistakes, for the mixture
    with torch.no_grad():
        clean = model(images)
    noise, ball = torch.randn(images.shape, generator=random_generator()), kind(0.1 if kind is Linf else 0.5)

    def found(part: slice) -> Tensor:
        goal = goal_of(goal_name, labels[part], clean[part])
        return best_from([noise[part]], SEARCHES[name], model, images[part], goal, ball)

    together = found(slice(None))
    assert torch.equal(together, found(slice(None)))
    alone = torch.cat([found(slice(at, at + 1)) for at in range(8)])
    # A sum over the pixels, as a norm is, may be rounded in another order.
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_other_noise_leads_to_other_points_unless_it_begins_at_the_image(name: str) -> None:
    model, images, goal = drawn(0, "adversarial")
    ended = [best(SEARCHES[name], model, images, goal, L2(0.3), random_generator(seed)) for seed in (1, 2)]
    assert torch.equal(*ended) == (name in ("fmn", "ddn"))


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_nothing_is_left_on_the_model(name: str) -> None:
    model, images, goal = drawn(0, "mixed")
    model[1].eval()  # type: ignore[index]
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    best(SEARCHES[name], model, images, goal, L2(0.3), random_generator())
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert [module.training for module in model.modules()] == modes


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_away_from_the_clean_image_it_begins_elsewhere(name: str) -> None:
    _, images, goal = drawn(0, "stability")
    images = images * 0.8 + 0.1
    noise = torch.randn(images.shape, generator=random_generator())
    ball = L2(0.3)
    began = SEARCHES[name].leaving_clean().begin(images, goal, ball, noise)["points"]
    assert (ball.distance(began, images) > 0.2).all()


@pytest.mark.parametrize("goal_name", ["adversarial", "hypocritical", "targeted", "mixed"])
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_with_no_gradient_and_no_difference_it_stands_nowhere_undefined(
    name: str, kind: type, goal_name: str
) -> None:
    """All logits are equal everywhere, as those of a network are whose units are all dead."""
    images = torch.rand(4, 1, 3, 4, generator=random_generator())
    model = linear_model(torch.zeros(CLASSES, 12))
    with torch.no_grad():
        goal = goal_of(goal_name, torch.arange(4), model(images))
    ball: ThreatModel = kind(0.2)
    noise = torch.randn(images.shape, generator=random_generator())
    state = SEARCHES[name].begin(images, goal, ball, noise)
    for number in range(STEPS):
        state = SEARCHES[name].step(model, state, images, goal, ball, number).state
        assert state["points"].isfinite().all()
        assert not torch.equal(state["points"], images) or number + 1 == STEPS


@pytest.mark.parametrize("search", [AutoPGD(20, objective="targeted_dlr", targets=3), MultiTargeted(20)])
def test_a_mixture_of_goals_shares_the_steps_among_targets_only_where_a_class_is_left(
    search: Search, digits: ImageData, digits_mlp: nn.Module
) -> None:
    """So each example's search is that of its own goal alone."""
    model = InDouble(copy.deepcopy(digits_mlp)).eval()
    images, labels = digits.test.images[:12].float() / digits.maximum, digits.test.labels[:12]
    condition = torch.arange(12) % 2 == 0
    adversarial, hypocritical = Adversarial(labels), Hypocritical((labels + 1) % 10)
    mixed, *pure = (
        best(search, model, images, goal, L2(0.5), random_generator())
        for goal in (PerExample(condition, adversarial, hypocritical), adversarial, hypocritical)
    )
    expected = torch.where(condition.view(-1, 1, 1, 1), *pure)
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-6)
