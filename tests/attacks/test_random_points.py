"""Points at random: how they are spread, and that the best of them is kept and is no better than can be."""

from __future__ import annotations

import pytest
import torch
from small_attacks import PIXELS, interior_images, random_generator
from small_models import linear_model
from torch import Tensor, nn

from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.searches.search import State, best
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings.errors import InputError

BRIGHTNESS = linear_model(torch.tensor([[1.0], [-1.0]]), torch.tensor([-1.0, 0.0]))  # class 0 above 0.5


def ones(count: int) -> Tensor:
    return torch.ones(count, dtype=torch.long)


def visited(
    search: RandomPoints, model: nn.Module, images: Tensor, threat_model: ThreatModel, noise: Tensor
) -> tuple[list[Tensor], State]:
    """All points that a search for class 1 looks at, and how it ends."""
    goal, looked_at = Hypocritical(ones(len(images))), []
    state = search.begin(images, goal, threat_model, noise)
    for number in range(search.steps):
        looked_at.append(state["points"])
        state = search.step(model, state, images, goal, threat_model, number).state
    return looked_at, state


def test_every_point_is_uniform_and_any_two_are_independent() -> None:
    images = torch.full((5000, 1, 3, 4), 0.5)
    noise = torch.randn(images.shape, generator=random_generator())
    points, _ = visited(RandomPoints(5), linear_model(torch.randn(2, PIXELS)), images, Linf(0.1), noise)
    offsets = (torch.stack(points).flatten(2) - 0.5) / 0.1  # (points, examples, pixels), in [-1, 1]
    quantiles = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])
    for point in offsets:
        found = torch.quantile(point.flatten(), quantiles)
        torch.testing.assert_close(found, 2 * quantiles - 1, atol=0.03, rtol=0)
    numbers = offsets.transpose(0, 1).flatten(1)  # (examples, points × pixels)
    correlated = torch.corrcoef(numbers.T) - torch.eye(numbers.shape[1])
    assert correlated.abs().max() < 0.08  # five standard deviations of what chance alone gives


@pytest.mark.parametrize("threat_model", [Linf(0.1), L2(0.3)])
def test_it_ends_at_the_best_and_never_beyond_the_best_of_the_ball(threat_model: ThreatModel) -> None:
    random = random_generator()
    images = interior_images(random)
    weight = torch.randn(2, PIXELS, generator=random)
    model, goal, w = linear_model(weight), Hypocritical(ones(len(images))), weight[1] - weight[0]
    noise = torch.randn(images.shape, generator=random)
    with torch.no_grad():
        points, state = visited(RandomPoints(40), model, images, threat_model, noise)
        margins = torch.stack([goal.margin(model(each)) for each in points])
        torch.testing.assert_close(goal.margin(model(state["points"])), margins.amax(0))
        clean = goal.margin(model(images))
        furthest = threat_model.epsilon * w.norm(p=1 if isinstance(threat_model, Linf) else 2)
        assert (margins.amax(0) > clean).all()
        assert (margins.amax(0) <= clean + furthest).all()
    for each in (*points, state["points"]):
        assert threat_model.distance(each, images).max() <= threat_model.epsilon + 1e-6


def test_how_often_one_point_is_enough_is_known() -> None:
    """A boundary at a distance d of one pixel is crossed by (1 − d/ε)/2 of the points."""
    images = torch.full((20_000, 1, 1, 1), 0.53)
    noise = torch.randn(images.shape, generator=random_generator())
    goal = Hypocritical(ones(len(images)))
    for steps, expected in ((1, 0.35), (40, 1.0)):
        _, state = visited(RandomPoints(steps), BRIGHTNESS, images, Linf(0.1), noise)
        reached = (goal.margin(BRIGHTNESS(state["points"])) > 0).float().mean()
        assert float(reached) == pytest.approx(expected, abs=0.015)


def test_an_example_s_points_are_its_own() -> None:
    random = random_generator()
    images = interior_images(random)
    noise = torch.randn(images.shape, generator=random)
    model = linear_model(torch.randn(2, PIXELS, generator=random))
    together, _ = visited(RandomPoints(4), model, images, L2(0.2), noise)
    alone, _ = visited(RandomPoints(4), model, images[2:3], L2(0.2), noise[2:3])
    assert all(torch.equal(all_of_them[2:3], own) for all_of_them, own in zip(together, alone, strict=True))


def test_without_a_gradient_it_still_finds_what_is_there() -> None:
    class Steps(nn.Module):
        """As `BRIGHTNESS`, rounded, so that no gradient leads anywhere."""

        def forward(self, images: Tensor) -> Tensor:
            bright = (images.flatten(1) > 0.5).float()
            return torch.cat([bright, 1 - bright], dim=1)

    images = torch.full((10, 1, 1, 1), 0.53)
    found = best(RandomPoints(), Steps(), images, Hypocritical(ones(10)), Linf(0.1), random_generator())
    assert (found < 0.5).all()


@pytest.mark.parametrize("steps", [0, 1.5])
def test_settings_are_checked(steps: object) -> None:
    with pytest.raises(InputError, match=r"^steps: takes"):
        RandomPoints(steps)  # type: ignore[arg-type]
