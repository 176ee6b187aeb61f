"""The nearest points that searches find, and how much nearer others lie on the way to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import Search, each, in_ball
from hypo.attacks.threat_models.of_each import OfEach
from hypo.attacks.threat_models.threat_model import ThreatModel

CLOSER = ProjectedGradient(steps=20, relative_step=1 / 4)
"""What looks in balls of given radii."""

HALVINGS = 12
"""Of the segment from an image to a point: where the goal begins to be reached is known to a 4096th of it."""


def nearest_from(
    noises: Iterable[Tensor],
    search: Search,
    model: nn.Module,
    images: Tensor,
    goal: Goal,
    ball: ThreatModel,
    stepped: Callable[[int], None] = lambda steps: None,
) -> Tensor:
    """Of all points that any restart visits, inside the ball or not, the nearest at which the goal is reached.

    Args:
        noises: for each restart what it begins with, see `Search.begin`.
        model: frozen and in `eval()` mode, see `attacked`.
        images: (batch, channels, height, width) in [0, 1].
        ball: says what is near, and where a search that is bound to a ball looks.
        stepped: told how many steps are done.

    Returns:
        Perturbed images of the same shape in [0, 1]; the image itself where the goal was reached nowhere.
    """
    found, steps = images, 0
    least = _nowhere(images)

    def look(points: Tensor, logits: Tensor) -> None:
        nonlocal found, least
        away = distance(points, images, ball)
        nearer = (goal.margin(logits) > 0) & (away < least)  # False for a margin that is not a number
        found = torch.where(each(nearer, images), points, found)
        least = torch.where(nearer, away, least)

    for noise in noises:
        state = in_ball(search.begin(images, goal, ball, noise), images, ball)
        for number in range(search.steps):
            visit = search.step(model, state, images, goal, ball, number)
            look(state["points"], visit.logits)
            state, steps = visit.state, steps + 1
            stepped(steps)
        with torch.no_grad():
            look(state["points"], model(state["points"]))
    return found


def nearer_from(
    points: Tensor,
    noises: Iterable[Tensor],
    model: nn.Module,
    images: Tensor,
    goal: Goal,
    ball: ThreatModel,
    stepped: Callable[[int], None] = lambda steps: None,
) -> Tensor:
    """`points`, or nearer ones where PGD finds them in smaller balls, one after the other for each noise.

    The first has three quarters of the radius that is known, or where nothing is known of that of the whole of
    [0, 1]; from then on it is halfway between the largest in which nothing was found and the nearest point. A
    minimum-norm search walks along the boundary that it has met; this sets out anew each time, and on robust
    models comes nearer.

    Args:
        points: of `nearest_from`.
        model, images, goal, ball, stepped: see there.
    """
    with torch.no_grad():
        reached = goal.margin(model(points)) > 0
    known = torch.where(reached, distance(points, images, ball), distance((images < 0.5).to(images), images, ball))
    empty, steps = known / 2, 0
    for noise in noises:
        radii = (empty + known) / 2
        smaller: Any = OfEach(ball, radii.to(images.dtype))
        found = nearest_from([noise], CLOSER, model, images, goal, smaller)
        away = distance(found, images, ball)
        nearer = (away > 0) & ((away < known) | ~reached)
        points, reached = torch.where(each(nearer, images), found, points), reached | nearer
        empty = torch.where(nearer, torch.minimum(empty, away / 2), radii)
        known = torch.where(nearer, away, known)
        steps += CLOSER.steps
        stepped(steps)
    return points


@torch.no_grad()
def radius_on_segment(points: Tensor, model: nn.Module, images: Tensor, goal: Goal, ball: ThreatModel) -> Tensor:
    """How far the nearest point is that bisection finds between each image and its point, (batch,) float64.

    That point, an image in [0, 1], is shown to the model once more, and the one that was given is too: what this
    does not confirm does not count, and where neither reaches the goal the radius is infinite.
    """
    low, high = (torch.full((len(images),), end, device=images.device) for end in (0.0, 1.0))
    nearest = points
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        between = (images + each(middle, images) * (points - images)).clamp(0, 1)
        reached = goal.margin(model(between)) > 0
        low, high = torch.where(reached, low, middle), torch.where(reached, middle, high)
        nearest = torch.where(each(reached, images), between, nearest)
    radius = _nowhere(images)
    for candidate in (points, nearest):
        confirmed = goal.margin(model(candidate)) > 0
        radius = torch.where(confirmed, distance(candidate, images, ball), radius)
    return radius


def distance(points: Tensor, images: Tensor, ball: ThreatModel) -> Tensor:
    """(batch,) float64 norms of the perturbations, which are those of the float32 images as they are."""
    return ball.distance(points.double(), images.double())


def _nowhere(images: Tensor) -> Tensor:
    return torch.full((len(images),), torch.inf, dtype=torch.float64, device=images.device)
