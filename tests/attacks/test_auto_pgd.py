"""APGD: on linear models what can be reached is known; its checkpoints are those of the paper."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_problems import GOALS, distances, problem
from small_attacks import random_generator
from torch import Tensor, nn

from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.searches.auto_pgd import AutoPGD, since_checkpoint
from hypo.attacks.searches.search import best
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.settings.errors import InputError

kinds, seeds, goal_names = st.sampled_from([Linf, L2]), st.integers(0, 10_000), st.sampled_from(GOALS)


def compared(search: AutoPGD, seed: int, kind: type, epsilon: float, classes: int, name: str) -> None:
    """Within ε exactly what lies there is reached, but for what lies just at its edge."""
    model, images, goal = problem(seed, classes, name)
    far = distances(model, images, goal, kind)
    found = best(search, model, images, goal, kind(epsilon), random_generator(seed))
    reached = goal.margin(model(found)) > 0
    assert not reached[far > epsilon * 1.001 + 1e-6].any()
    assert reached[far < epsilon * 0.97 - 1e-6].all()


@given(kinds, seeds, st.floats(0.005, 0.1), goal_names, st.sampled_from(["margin", "targeted_dlr"]))
@settings(max_examples=25)
def test_of_two_classes_all_that_is_in_reach_is_reached(
    kind: type, seed: int, epsilon: float, name: str, objective: str
) -> None:
    compared(AutoPGD(25, objective=objective), seed, kind, epsilon, 2, name)  # type: ignore[arg-type]


@given(kinds, seeds, st.floats(0.005, 0.1), st.integers(3, 8), st.sampled_from(["adversarial", "stability"]))
@settings(max_examples=25)
def test_towards_every_rival_all_that_is_in_reach_is_reached(
    kind: type, seed: int, epsilon: float, classes: int, name: str
) -> None:
    """Where one boundary is in reach, whatever the margin says where the search begins."""
    search = AutoPGD(20 * (classes - 1), objective="targeted_dlr", targets=classes - 1)
    compared(search, seed, kind, epsilon, classes, name)


@given(kinds, seeds, st.floats(0.005, 0.1), st.integers(3, 8))
@settings(max_examples=25)
def test_where_logits_are_linear_the_nearest_rival_is_enough(
    kind: type, seed: int, epsilon: float, classes: int
) -> None:
    """It need not be that of the largest logit."""
    compared(AutoPGD(20, objective="targeted_dlr", targets=1), seed, kind, epsilon, classes, "adversarial")


@given(seeds, st.floats(0.005, 0.1), st.integers(3, 8), st.sampled_from(["hypocritical", "targeted", "mixed"]))
@settings(max_examples=25)
def test_a_class_that_is_wanted_comes_ahead_of_all_others_where_it_can(
    seed: int, epsilon: float, classes: int, name: str
) -> None:
    """Behind several boundaries at once, into whose corner signs never quite lead."""
    compared(AutoPGD(150, objective="targeted_dlr"), seed, L2, epsilon, classes, name)


def test_the_checkpoints_are_the_published_ones() -> None:
    """Of 100 steps: 0.22, then after parts that shrink by 0.03 until they are 0.06."""
    at = [22, 41, 57, 70, 80, 87, 93, 99]
    assert list(since_checkpoint(100)) == at
    assert list(since_checkpoint(100).values()) == [22, 19, 16, 13, 10, 7, 6, 6]
    assert list(since_checkpoint(11)) == [3, 5, 7, 8, 9, 10, 11]


class Bump(nn.Module):
    """Of one pixel, class 1 is the further ahead the nearer it is to 0.5, and at most by −1: never."""

    def forward(self, images: Tensor) -> Tensor:
        far = (images.flatten(1) - 0.5).abs().sum(1)
        return torch.stack([1 + far, torch.zeros_like(far)], dim=1)


def test_steps_are_halved_where_they_go_back_and_forth() -> None:
    """A step of 2ε crosses the ball, from one side of its top to the other, until it is short enough."""
    image, ball = torch.full((1, 1, 1, 1), 0.52), Linf(0.1)
    search, goal = AutoPGD(100, objective="margin"), Hypocritical(torch.ones(1).long())
    state = search.begin(image, goal, ball, torch.ones(1, 1, 1, 1))
    lengths = []
    for number in range(100):
        state = search.step(Bump(), state, image, goal, ball, number).state
        lengths.append(float(state["length"]))
    assert lengths[:22] == pytest.approx([0.2] * 22)
    assert lengths[22:41] == pytest.approx([0.1] * 19)
    assert all(later in (before, pytest.approx(before / 2)) for before, later in pairwise(lengths))
    assert abs(float(state["points"]) - 0.5) < 0.003


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"steps": 0}, "steps: takes a whole number >= 1, got 0"),
        ({"restarts": 0}, "restarts: takes a whole number >= 1, got 0"),
        ({"objective": "dlr"}, "objective: takes one of goal, margin, targeted_dlr, got 'dlr'"),
        ({"targets": 0}, "targets: takes a whole number >= 1, got 0"),
    ],
)
def test_settings_are_checked(changed: dict, line: str) -> None:
    with pytest.raises(InputError) as error:
        AutoPGD(**changed)
    assert str(error.value) == line
