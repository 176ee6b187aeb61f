"""The square search: where the best point of the ball is a corner it gets there, and no gradient is needed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_problems import GOALS, distances, problem
from small_attacks import PIXELS, interior_images, random_generator
from small_models import linear_model
from torch import Tensor, nn

from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.searches import windows
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.searches.search import Search, best
from hypo.attacks.searches.square import Square
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.settings.errors import InputError

seeds = st.integers(0, 10_000)


@given(seeds, st.floats(0.005, 0.1), st.sampled_from(GOALS))
@settings(max_examples=20)
def test_under_linf_all_that_is_in_reach_of_two_classes_is_reached(seed: int, epsilon: float, name: str) -> None:
    """A linear margin is largest in a corner of the cube; single pixels lead there one by one."""
    model, images, goal = problem(seed, 2, name)
    found = best(Square(300), model, images, goal, Linf(epsilon), random_generator(seed))
    reached, far = goal.margin(model(found)) > 0, distances(model, images, goal, Linf)
    assert not reached[far > epsilon * 1.001 + 1e-6].any()
    assert reached[far < epsilon * 0.999 - 1e-6].all()


@pytest.mark.parametrize("seed", range(3))
def test_under_l2_more_than_half_of_what_can_be_gained_is(seed: int) -> None:
    """A linear margin gains ε‖w‖ at most; as many random points gain less than half of it."""
    random = random_generator(seed)
    images = 0.4 + 0.2 * torch.rand(10, 1, 8, 8, generator=random)
    weight = torch.randn(2, 64, generator=random)
    model, goal, ball = linear_model(weight), Hypocritical(torch.ones(10).long()), L2(0.3)

    most = 0.3 * (weight[1] - weight[0]).norm()

    def gained(search: Search) -> Tensor:
        with torch.no_grad():
            found = best(search, model, images, goal, ball, random_generator(seed))
            return (goal.margin(model(found)) - goal.margin(model(images))) / most

    assert gained(RandomPoints(400)).max() < 0.5
    assert gained(Square(400)).mean() > 0.6
    assert gained(Square(400)).max() < 1 + 1e-5


@pytest.mark.parametrize("kind", [Linf, L2])
def test_without_a_gradient_it_finds_what_is_there(kind: type) -> None:
    class Steps(nn.Module):
        """Bright or dark on the whole, in 1000 steps, so that no gradient leads anywhere."""

        def forward(self, images: Tensor) -> Tensor:
            brightness = (1000 * images.flatten(1).mean(1)).round() / 1000
            return torch.stack([brightness, 1 - brightness], dim=1)

    images = torch.full((10, 1, 6, 6), 0.53)
    ball = kind(0.08 if kind is Linf else 0.6)
    found = best(Square(300), Steps(), images, Hypocritical(torch.ones(10).long()), ball, random_generator())
    assert (found.flatten(1).mean(1) < 0.5).all()


def test_windows_under_linf_are_squares_of_the_size_asked_for_and_lie_anywhere() -> None:
    noise = torch.randn(2000, 2, 5, 6, generator=random_generator())
    changed = windows.painted(torch.zeros_like(noise), 0.1, 9 / 30, noise, 1)
    assert set(changed.unique().tolist()) == {-float(torch.tensor(0.1)), 0.0, float(torch.tensor(0.1))}
    inside = changed != 0
    assert torch.equal(inside[:, 0], inside[:, 1])
    assert (inside.any(3).sum(2) == 3).all()
    assert (inside.any(2).sum(2) == 3).all()
    places = inside[:, 0].flatten(1).float().argmax(1).bincount(minlength=18)  # of the upper left corners
    corners = places[places > 0]
    assert len(corners) == 3 * 4
    assert corners.min() > 0.7 * 2000 / 12


def test_windows_under_l2_cost_what_they_gain() -> None:
    random = random_generator()
    noise = torch.randn(50, 2, 8, 9, generator=random)
    perturbation = windows.bumps(noise)
    perturbation *= 0.3 / perturbation.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    changed = windows.shifted(perturbation, 0.3, 0.1, noise, 3)
    torch.testing.assert_close(changed.flatten(1).norm(dim=1), torch.full((50,), 0.3))
    outside = (changed == perturbation).all(1) | torch.isclose(changed, perturbation, atol=1e-6).all(1)
    assert (outside.flatten(1).sum(1) >= 72 - 2 * 9).all()  # no more than two windows of 3 × 3
    assert (~outside.flatten(1)).any(1).all()


class Asked(nn.Module):
    """A linear model that notes whether it was asked for gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.asked = linear_model(torch.randn(2, PIXELS, generator=random_generator())), []

    def forward(self, images: Tensor) -> Tensor:
        self.asked.append(torch.is_grad_enabled())
        return self.model(images)


def test_no_gradient_is_ever_asked_for() -> None:
    images, model = interior_images(random_generator()), Asked()
    goal, random = Hypocritical(torch.ones(len(images)).long()), random_generator()
    best(Square(5), model, images, goal, Linf(0.1), random)
    assert model.asked == [False] * 7  # with the clean images and the end


@pytest.mark.parametrize("setting", ["steps", "restarts"])
def test_settings_are_checked(setting: str) -> None:
    with pytest.raises(InputError, match=f"^{setting}: takes a whole number >= 1, got 0$"):
        Square(**{setting: 0})
