"""FMN: how far the goal is from each image of a linear model is known, and it finds that."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_problems import GOALS, distances, problem
from small_attacks import random_generator

from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.searches.search import State
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.settings.errors import InputError

kinds, seeds, goal_names = st.sampled_from([Linf, L2]), st.integers(0, 10_000), st.sampled_from(GOALS)


def ended(search: FastMinimumNorm, seed: int, kind: type, classes: int, name: str) -> State:
    """How a search ends on a linear problem."""
    model, images, goal = problem(seed, classes, name)
    noise = torch.randn(images.shape, generator=random_generator(seed))
    state = search.begin(images, goal, kind(0.05), noise)
    for number in range(search.steps):
        state = search.step(model, state, images, goal, kind(0.05), number).state
    return state


@given(kinds, seeds, goal_names)
@settings(max_examples=25)
def test_the_distance_to_the_one_boundary_of_two_classes_is_found(kind: type, seed: int, name: str) -> None:
    """|margin| over the dual norm of its weights; but for the part by which the radius changes at the end."""
    found = ended(FastMinimumNorm(steps=50), seed, kind, 2, name)["distance"]
    torch.testing.assert_close(found, distances(*problem(seed, 2, name), kind), rtol=2e-3, atol=1e-6)


@given(kinds, seeds, st.integers(3, 8), goal_names, st.sampled_from(["clean", "uniform"]))
@settings(max_examples=25)
def test_no_point_is_found_nearer_than_there_is_one(
    kind: type, seed: int, classes: int, name: str, start: str
) -> None:
    state = ended(FastMinimumNorm(steps=50, start=start), seed, kind, classes, name)  # type: ignore[arg-type]
    least = distances(*problem(seed, classes, name), kind)
    model, images, goal = problem(seed, classes, name)
    nearest, distance = state["nearest"], state["distance"]
    assert (distance >= least * (1 - 1e-3) - 1e-6).all()
    found = distance.isfinite()
    assert (goal.margin(model(nearest))[found] > -1e-6).all()
    torch.testing.assert_close(kind(1).distance(nearest, images)[found], distance[found])


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"steps": 0}, "steps: takes a whole number >= 1, got 0"),
        ({"start": "gaussian"}, "start: takes one of clean, uniform, got 'gaussian'"),
        ({"restarts": 2}, "restarts: takes 1 with start=clean, where all would be the same, got 2"),
    ],
)
def test_settings_are_checked(changed: dict, line: str) -> None:
    with pytest.raises(InputError) as error:
        FastMinimumNorm(**changed)
    assert str(error.value).startswith(line)
