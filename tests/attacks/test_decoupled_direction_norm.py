"""DDN: how far the goal is from each image of a linear model is known, and it finds that; for ℓ2 alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_problems import GOALS, distances, problem
from small_attacks import random_generator

from hypo.attacks.goals.margin import Margin
from hypo.attacks.searches.decoupled_direction_norm import DecoupledDirectionNorm
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.settings.errors import InputError

seeds, goal_names = st.integers(0, 10_000), st.sampled_from(GOALS)


@given(seeds, goal_names, st.sampled_from(["clean", "uniform"]))
@settings(max_examples=25)
def test_the_distance_to_the_one_boundary_of_two_classes_is_found(seed: int, name: str, start: str) -> None:
    """Up to the part by which the radius changes, where it is not so far from ε that it takes longer."""
    model, images, goal = problem(seed, 2, name)
    search = DecoupledDirectionNorm(steps=100, start=start)  # type: ignore[arg-type]
    ball, noise = L2(0.05), torch.randn(images.shape, generator=random_generator(seed))
    state = search.begin(images, goal, ball, noise)
    for number in range(search.steps):
        state = search.step(model, state, images, Margin(goal), ball, number).state
    least = distances(model, images, goal, L2)
    assert (state["distance"] >= least * (1 - 1e-4) - 1e-6).all()
    assert (state["distance"] <= least * 1.06 + 0.005).all()


def test_it_says_in_a_line_that_it_is_for_l2_alone() -> None:
    DecoupledDirectionNorm().check(L2(0.5))
    with pytest.raises(InputError, match=r"^takes threat_model=l2, got linf$"):
        DecoupledDirectionNorm().check(Linf(0.1))


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"steps": 0}, "steps: takes a whole number >= 1, got 0"),
        ({"start": "gaussian"}, "start: takes one of clean, uniform, got 'gaussian'"),
        ({"restarts": 3}, "restarts: takes 1 with start=clean, where all would be the same, got 3"),
    ],
)
def test_settings_are_checked(changed: dict, line: str) -> None:
    with pytest.raises(InputError) as error:
        DecoupledDirectionNorm(**changed)
    assert str(error.value).startswith(line)
