from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings.errors import InputError

KINDS = [Linf, L2]
ROUNDING = 1e-6

kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 2**31)
epsilons = st.floats(1e-3, 2)
scales = st.sampled_from([1e-6, 0.1, 1, 1e4])


def images_and_points(seed: int, scale: float, batch: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    images = torch.rand(batch, 2, 3, 4, generator=random)
    images[0] = images[0].round()  # at the very edge of the image range
    return images, images + scale * torch.randn(images.shape, generator=random)


@given(kinds, epsilons, seeds, scales)
def test_projection_lies_in_the_ball_and_in_the_image_range(
    kind: type, epsilon: float, seed: int, scale: float
) -> None:
    threat_model = kind(epsilon)
    images, points = images_and_points(seed, scale)
    projected = threat_model.project(points, images)
    assert threat_model.distance(projected, images).max() <= epsilon + ROUNDING
    assert projected.min() >= 0
    assert projected.max() <= 1


@given(kinds, epsilons, seeds, scales)
def test_projecting_again_changes_nothing(kind: type, epsilon: float, seed: int, scale: float) -> None:
    threat_model = kind(epsilon)
    images, points = images_and_points(seed, scale)
    once = threat_model.project(points, images)
    torch.testing.assert_close(threat_model.project(once, images), once, rtol=0, atol=ROUNDING)


@given(kinds, epsilons, seeds)
def test_points_that_are_allowed_stay_where_they_are(kind: type, epsilon: float, seed: int) -> None:
    threat_model = kind(epsilon)
    images, _ = images_and_points(seed, 1)
    images = images * 0.8 + 0.1
    inside = images + min(0.09, 0.99 * epsilon) * threat_model.direction(torch.ones_like(images))
    torch.testing.assert_close(threat_model.project(inside, images), inside, rtol=0, atol=ROUNDING)


@given(epsilons, seeds, scales)
def test_linf_projection_is_the_nearest_allowed_point(epsilon: float, seed: int, scale: float) -> None:
    """Ball and image range make a box, whose nearest point is known pixel by pixel."""
    images, points = images_and_points(seed, scale)
    low, high = (images - epsilon).clamp_min(0), (images + epsilon).clamp_max(1)
    nearest = torch.where(points < low, low, torch.where(points > high, high, points))
    assert torch.equal(Linf(epsilon).project(points, images), nearest)


def test_l2_projection_goes_straight_back_to_the_sphere() -> None:
    images = torch.full((1, 1, 1, 2), 0.5)
    points = images + torch.tensor([3.0, 4.0])
    expected = images + 0.1 * torch.tensor([0.6, 0.8])
    torch.testing.assert_close(L2(0.1).project(points, images), expected)


def test_l2_projects_before_it_clamps() -> None:
    """Clamping first would give another point: here (0, 0.1) away instead of (0, 0.08)."""
    images = torch.tensor([1.0, 0.5]).view(1, 1, 1, 2)
    points = images + torch.tensor([3.0, 4.0])
    projected = L2(0.1).project(points, images)
    torch.testing.assert_close(projected, torch.tensor([1.0, 0.58]).view(1, 1, 1, 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1e-8, 1, 1e15, 1e30])
def test_direction_has_unit_norm_whatever_the_size_of_the_gradient(kind: type, scale: float) -> None:
    threat_model = kind(0.1)
    gradient = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(0)).clamp(-3, 3) + 0.01
    direction = threat_model.direction(gradient * scale)
    torch.testing.assert_close(threat_model.distance(direction, torch.zeros_like(direction)), torch.ones(6))
    # It climbs: to first order it gains the dual norm of the gradient.
    dual = 1 if kind is Linf else 2
    if scale > 1e-40:  # below that the gradient itself has few digits left
        gain = (direction * gradient).flatten(1).sum(1)
        torch.testing.assert_close(gain, gradient.flatten(1).norm(p=dual, dim=1))


@pytest.mark.parametrize("kind", KINDS)
def test_direction_of_a_zero_gradient_is_zero(kind: type) -> None:
    gradient = torch.zeros(3, 1, 2, 2)
    gradient[1, 0, 0, 0] = -5
    direction = kind(0.1).direction(gradient)
    expected = torch.zeros(3, 1, 2, 2)
    expected[1, 0, 0, 0] = -1
    assert torch.equal(direction, expected)


@given(kinds, epsilons, seeds)
def test_random_displacements_lie_in_the_ball(kind: type, epsilon: float, seed: int) -> None:
    noise = torch.randn(8, 1, 5, 5, generator=torch.Generator().manual_seed(seed))
    displacement = kind(epsilon).uniform(noise)
    assert kind(epsilon).distance(displacement, torch.zeros_like(noise)).max() <= epsilon + ROUNDING


def test_linf_displacements_are_uniform() -> None:
    noise = torch.randn(1, 1, 200, 200, generator=torch.Generator().manual_seed(0))
    values = Linf(0.3).uniform(noise).flatten().sort().values
    uniform = torch.linspace(-0.3, 0.3, len(values))
    # Kolmogorov and Smirnov: 1.63 / sqrt(n) is exceeded once in a hundred times.
    assert (values - uniform).abs().max() / 0.6 < 1.63 / 200


def test_l2_displacements_lie_evenly_on_the_sphere() -> None:
    noise = torch.randn(20_000, 1, 1, 3, generator=torch.Generator().manual_seed(0))
    displacement = L2(0.3).uniform(noise).flatten(1)
    torch.testing.assert_close(displacement.norm(dim=1), torch.full((20_000,), 0.3))
    # Archimedes: each coordinate of a point on the sphere in space is uniform.
    for coordinate in displacement.T:
        uniform = torch.linspace(-0.3, 0.3, len(coordinate))
        assert (coordinate.sort().values - uniform).abs().max() / 0.6 < 1.63 / 20_000**0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", ["project", "uniform", "direction"])
def test_an_example_does_not_depend_on_the_others(kind: type, function: str) -> None:
    threat_model: ThreatModel = kind(0.2)
    images, points = images_and_points(0, 1)
    if function == "project":
        together = threat_model.project(points, images)
        alone = [threat_model.project(points[i : i + 1], images[i : i + 1]) for i in range(len(images))]
    else:
        together = getattr(threat_model, function)(points)
        alone = [getattr(threat_model, function)(points[i : i + 1]) for i in range(len(images))]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("epsilon", [0, -0.1, float("nan"), float("inf")])
def test_epsilon_must_be_positive(kind: type, epsilon: float) -> None:
    with pytest.raises(InputError, match=r"^epsilon: takes a number > 0"):
        kind(epsilon)
