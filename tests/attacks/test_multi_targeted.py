"""MultiTargeted: on linear models what can be reached is known, and which class is the nearest."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_problems import distances, problem
from small_attacks import random_generator
from small_models import linear_model
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.searches.multi_targeted import LENGTHS, MultiTargeted, begins_of_ascents
from hypo.attacks.searches.reaching import annealed
from hypo.attacks.searches.search import best
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.settings.errors import InputError

kinds, seeds = st.sampled_from([Linf, L2]), st.integers(0, 10_000)


def compared(search: MultiTargeted, seed: int, kind: type, epsilon: float, classes: int, name: str) -> None:
    """Within ε exactly what lies there is reached, but for what lies just at its edge."""
    model, images, goal = problem(seed, classes, name)
    far = distances(model, images, goal, kind)
    found = best(search, model, images, goal, kind(epsilon), random_generator(seed))
    reached = goal.margin(model(found)) > 0
    assert not reached[far > epsilon * 1.001 + 1e-6].any()
    assert reached[far < epsilon * 0.97 - 1e-6].all()


@given(kinds, seeds, st.floats(0.005, 0.1), st.integers(2, 8), st.sampled_from(["adversarial", "stability"]))
@settings(max_examples=25)
def test_where_logits_are_linear_the_nearest_rival_is_enough(
    kind: type, seed: int, epsilon: float, classes: int, name: str
) -> None:
    compared(MultiTargeted(15, targets=1), seed, kind, epsilon, classes, name)


@given(seeds, st.floats(0.005, 0.1), st.integers(3, 8), st.sampled_from(["hypocritical", "targeted", "mixed"]))
@settings(max_examples=8)
def test_a_class_that_is_wanted_comes_ahead_of_all_others_where_it_can(
    seed: int, epsilon: float, classes: int, name: str
) -> None:
    compared(MultiTargeted(100), seed, L2, epsilon, classes, name)


def test_the_part_of_each_rival_is_one_over_the_square_of_its_rank() -> None:
    assert begins_of_ascents(49, 3) == [0, 36, 45]
    assert begins_of_ascents(53, 3) == [0, 39, 49]
    assert begins_of_ascents(10, 1) == [0]
    assert begins_of_ascents(1, 3) == [0, 1, 1]


def visited(goal_class: int, wanted: bool, steps: int = 49) -> list[Tensor]:
    """Where it stands at each step, in two dimensions, each with a class of its own beside a third one."""
    model = linear_model(torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), torch.tensor([9.0, 0, 0]))
    image, label = torch.full((1, 1, 1, 2), 0.5), torch.tensor([goal_class])
    search, goal = MultiTargeted(steps, targets=2), Hypocritical(label) if wanted else Adversarial(label)
    state = search.begin(image, goal, Linf(0.1), torch.full((1, 1, 1, 2), 0.3))
    points = []
    for number in range(steps):
        points.append(state["points"].flatten())
        state = search.step(model, state, image, goal, Linf(0.1), number).state
    return points


def test_it_goes_towards_the_nearest_class_first_and_begins_anew_for_the_next() -> None:
    """Each ascent moves in the dimension of its class alone, and stays at the edge of the ball in it."""
    points, (_, second) = visited(0, wanted=False), begins_of_ascents(49, 2)
    assert second == 39
    assert len({round(float(point[1]), 6) for point in points[:second]}) == 1
    assert len({round(float(point[0]), 6) for point in points[second:]}) == 1
    assert float(points[second - 1][0]) == pytest.approx(0.6)
    assert float(points[-1][1]) == pytest.approx(0.6)
    assert float(points[second][0]) != pytest.approx(float(points[0][0]))


def test_a_wanted_class_has_one_ascent_by_steps_that_grow_short_all_the_way() -> None:
    """It does not begin anew where an adversary does."""
    points = visited(2, wanted=True)
    for number, (before, after) in enumerate(pairwise(points)):
        longest = 0.1 * annealed(LENGTHS, number / len(points))
        assert float((after - before).abs().max()) <= longest * (1 + 1e-4)
    assert float(points[-1][1]) == pytest.approx(0.6)


class Bump(nn.Module):
    """Of one pixel, class 1 is the further ahead the nearer it is to 0.5, and at most by −1: never."""

    def forward(self, images: Tensor) -> Tensor:
        far = (images.flatten(1) - 0.5).abs().sum(1)
        return torch.stack([1 + far, torch.zeros_like(far)], dim=1)


def test_its_steps_fall_from_the_first_length_to_the_last() -> None:
    image, ball, goal = torch.full((1, 1, 1, 1), 0.5), Linf(0.1), Adversarial(torch.zeros(1).long())
    search = MultiTargeted(60, targets=1)
    state = search.begin(image, goal, ball, torch.ones(1, 1, 1, 1))
    moves = []
    for number in range(60):
        after = search.step(Bump(), state, image, goal, ball, number).state
        moves.append(abs(float(after["points"] - state["points"])))
        state = after
    assert max(moves) <= LENGTHS[0] * 0.1 * (1 + 1e-4)
    assert moves[-2] < 0.02 * 0.1
    assert abs(float(state["points"]) - 0.5) < 0.02 * 0.1


def test_it_ends_where_the_goal_was_reached_or_else_one_step_further() -> None:
    model = linear_model(torch.tensor([[0.0], [1.0]]), torch.tensor([0.55, 0.0]))
    images, ball = torch.tensor([0.5, 0.4]).view(2, 1, 1, 1), Linf(0.1)
    goal = Adversarial(torch.zeros(2).long())
    state = MultiTargeted(1).begin(images, goal, ball, torch.full((2, 1, 1, 1), 1.0))
    ended = MultiTargeted(1).step(model, state, images, goal, ball, 0).state["points"]
    torch.testing.assert_close(ended.flatten(), torch.stack([state["points"][0].squeeze(), torch.tensor(0.5)]))


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"steps": 0}, "steps: takes a whole number >= 1, got 0"),
        ({"restarts": 0}, "restarts: takes a whole number >= 1, got 0"),
        ({"targets": 0}, "targets: takes a whole number >= 1, got 0"),
    ],
)
def test_settings_are_checked(changed: dict, line: str) -> None:
    with pytest.raises(InputError) as error:
        MultiTargeted(**changed)
    assert str(error.value) == line
