"""The nearest points: known on linear models, walls and all; whatever is claimed has been shown to the model."""

from __future__ import annotations

import pytest
import torch
from small_models import goals, linear_model
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import Search
from hypo.attacks.threat_models.euclidean_steps import EuclideanSteps
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.of_each import OfEach
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.measurements.nearest import Nearest, Seeker, at

KINDS = pytest.mark.parametrize("kind", [Linf, L2])


def noises(images: Tensor, count: int = 1) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.randn(images.shape, generator=random) for _ in range(count)]


def searched(seeker: Seeker, search: Search, ball: ThreatModel) -> Nearest:
    """What one restart finds, after the bisection."""
    known = seeker.nearest(Nearest.unknown(seeker.images), search, noises(seeker.images), ball)
    return seeker.on_segment(known, ball)


def problem(seed: int, name: str) -> tuple[nn.Module, Tensor, Goal]:
    """Two classes of a linear model, images that are far from 0 and 1, and a goal, which some have reached."""
    random = torch.Generator().manual_seed(seed)
    images = 0.4 + 0.2 * torch.rand(6, 1, 3, 4, generator=random)
    weight = torch.randn(2, 12, generator=random)
    model = linear_model(weight, -(images.flatten(1).mean(0) @ weight.T))
    return model, images, goals(torch.tensor([0, 1] * 3))[name]


def distances(model: nn.Module, images: Tensor, goal: Goal, kind: type) -> Tensor:
    """(batch,) of the boundary: |margin| over the dual norm of its weights; 0 where the goal is reached."""
    weight = model[1].weight  # type: ignore[index]
    with torch.no_grad():
        behind = (-goal.margin(model(images))).clamp_min(0)
        return behind / (weight[0] - weight[1]).norm(p=1 if kind is Linf else 2)


@KINDS
@pytest.mark.parametrize("name", ["adversarial", "hypocritical"])
def test_on_a_linear_model_it_is_the_margin_over_the_dual_norm(kind: type, name: str) -> None:
    for seed in range(5):
        model, images, goal = problem(seed, name)
        least = distances(model, images, goal, kind)
        radius = searched(Seeker(model, images, goal), FastMinimumNorm(steps=50), kind(0.05)).distance
        away = least > 0  # where the goal is reached at the image itself there is nothing to find
        torch.testing.assert_close(radius[away].float(), least[away], rtol=2e-3, atol=1e-6)
        assert (radius[away] >= least[away] - 1e-6).all()  # what float32 is off, at distances of some thousandths
        assert (radius[~away] == 0).all()


def behind_walls(kind: type, weight: Tensor, room: Tensor, margin: float) -> float:
    """The smallest norm of any step that loses `margin` along `weight` where each pixel has so much `room`."""

    def lost(size: float) -> float:
        step = torch.full_like(room, size) if kind is Linf else size * weight.abs()
        return float((torch.minimum(step, room) * weight.abs()).sum())

    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if lost(middle) > margin else (middle, high)
    return high if kind is Linf else float(torch.minimum(high * weight.abs(), room).norm())


@KINDS
def test_at_the_walls_other_pixels_have_to_go_further(kind: type) -> None:
    """Half of the pixels cannot move where the gradient points, and some not far."""
    weight = torch.tensor([0.5, -1.0, 2.0, 1.0, -0.5, 1.5])
    image = torch.tensor([0.0, 0.98, 0.6, 0.03, 1.0, 0.01])
    room = torch.where(weight > 0, image, 1 - image)
    model = linear_model(torch.stack([weight / 2, -weight / 2]), torch.tensor([-0.3, 0.3]))
    images, goal = image.view(1, 1, 2, 3), Adversarial(torch.tensor([0]))
    with torch.no_grad():
        z = model(images)[0]
    (radius,) = searched(Seeker(model, images, goal), FastMinimumNorm(steps=200), kind(0.1)).distance.tolist()
    assert radius == pytest.approx(behind_walls(kind, weight, room, float(z[0] - z[1])), rel=0.01)
    assert radius > 1.3 * float((z[0] - z[1]) / weight.norm(p=1 if kind is Linf else 2))


@KINDS
def test_smaller_balls_bring_a_point_that_is_far_nearer_and_never_further(kind: type) -> None:
    model, images, goal = problem(3, "adversarial")
    least = distances(model, images, goal, kind)
    far = (images + 4 * distances(model, images, goal, L2).view(-1, 1, 1, 1) * _past(model, images, goal)).clamp(
        0, 1
    )
    ball, seeker = kind(0.05), Seeker(model, images, goal)
    before = seeker.on_segment(at(far, images, ball), ball)
    after = seeker.on_segment(seeker.nearer(before, noises(images, 16), ball), ball).distance
    away = least > 0
    assert (after <= before.distance).all()
    torch.testing.assert_close(after[away].float(), least[away], rtol=0.05, atol=1e-6)


def _past(model: nn.Module, images: Tensor, goal: Goal) -> Tensor:
    """The direction of each image's nearest boundary, but for something along it."""
    points = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(goal.margin(model(points)).sum(), points)
    across = torch.zeros_like(gradient)
    across.flatten(1)[:, 0] = 0.7
    return gradient / gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1) + across


@KINDS
def test_where_nothing_is_known_the_whole_of_all_images_is_looked_at(kind: type) -> None:
    weight = torch.tensor([[1.0] * 4, [-1.0] * 4])
    model, images = linear_model(weight, torch.tensor([-1.2, 1.2])), torch.full((1, 1, 2, 2), 0.95)
    goal = Adversarial(torch.tensor([0]))
    seeker, ball = Seeker(model, images, goal), kind(0.01)
    known = seeker.nearer(Nearest.unknown(images), noises(images, 6), ball)
    (radius,) = seeker.on_segment(known, ball).distance.tolist()
    assert radius == pytest.approx(0.65 if kind is Linf else 1.3, rel=0.02)


class Wavering(nn.Module):
    """Says that it is the other class for as long as it is asked for the first `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, images: Tensor) -> Tensor:
        self.times -= 1
        other = torch.full((len(images),), self.times >= 0)
        return torch.stack([~other, other], 1).float() + 0 * images.flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize("times", [0, 5, 12])
def test_what_is_not_confirmed_does_not_count(times: int) -> None:
    """After twelve halvings both points are shown once more."""
    images = torch.full((2, 1, 1, 1), 0.25)
    goal = Adversarial(torch.zeros(2, dtype=torch.int64))
    found = Seeker(Wavering(times), images, goal).on_segment(at(images + 0.5, images, Linf(0.1)), Linf(0.1))
    assert found.distance.isinf().all()
    assert torch.equal(found.points, images)


def test_of_the_two_points_the_nearer_one_that_is_confirmed_counts() -> None:
    images = torch.full((2, 1, 1, 1), 0.25)
    goal = Adversarial(torch.zeros(2, dtype=torch.int64))
    for times, part in ((13, 1.0), (14, 2.0**-12)):
        found = Seeker(Wavering(times), images, goal).on_segment(at(images + 0.5, images, Linf(0.1)), Linf(0.1))
        assert found.distance.tolist() == [0.5 * part] * 2
        assert torch.equal(found.points, images + 0.5 * part)


@pytest.mark.parametrize("search", [FastMinimumNorm(steps=5), ProjectedGradient(steps=5)])
def test_where_the_goal_is_nowhere_the_image_comes_back(search: Search) -> None:
    model, images = linear_model(torch.zeros(2, 4), torch.tensor([1.0, 0.0])), torch.rand(3, 1, 2, 2)
    goal = Adversarial(torch.zeros(3, dtype=torch.int64))
    seeker, ball = Seeker(model, images, goal), Linf(0.1)
    for found in (searched(seeker, search, ball), seeker.nearer(Nearest.unknown(images), noises(images, 2), ball)):
        assert torch.equal(found.points, images)
        assert found.distance.isinf().all()


@KINDS
def test_a_ball_for_each_example_is_the_ball_of_its_radius(kind: type) -> None:
    radii = torch.tensor([0.02, 0.3])
    images, moved = torch.rand(2, 1, 3, 3), torch.rand(2, 1, 3, 3)
    noise = torch.randn(2, 1, 3, 3)
    balls = OfEach(kind(0.1), radii)
    for row, radius in enumerate(radii.tolist()):
        own, one = kind(radius), slice(row, row + 1)
        for each, alone in (
            (balls.project(moved, images)[one], own.project(moved[one], images[one])),
            (balls.uniform(noise)[one], own.uniform(noise[one])),
            (balls.epsilon[one] * balls.direction(noise)[one], own.epsilon * own.direction(noise[one])),
            (balls.distance(moved, images)[one], own.distance(moved[one], images[one])),
        ):
            torch.testing.assert_close(each, alone)
        assert balls.distance(balls.project(moved, images), images)[row] <= radius * (1 + 1e-5)


def test_steps_along_the_gradient_are_as_long_as_along_its_signs() -> None:
    gradient = torch.randn(3, 1, 2, 4)
    steps = EuclideanSteps(Linf(0.1)).direction(gradient)
    torch.testing.assert_close(steps.square().flatten(1).mean(1), torch.ones(3))
    torch.testing.assert_close(steps, gradient * (steps / gradient).flatten(1)[:, :1].view(3, 1, 1, 1))
    assert torch.equal(EuclideanSteps(Linf(0.1)).direction(0 * gradient), 0 * gradient)


def test_a_distance_is_that_of_the_float32_images() -> None:
    images = torch.tensor([[[[0.1]]]])
    points = images + 0.2
    assert at(points, images, Linf(1)).distance.item() == float(points.item()) - float(images.item())
