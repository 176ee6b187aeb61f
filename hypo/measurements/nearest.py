"""The nearest points that searches find, and how much nearer others lie on the way to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Nearest:
    """Of each image the nearest point known at which the goal is reached.

    Attributes:
        points: (batch, channels, height, width) in [0, 1]; the image itself where none is known.
        distance: (batch,) float64, how far the float32 points are; infinite where none is known.
    """

    points: Tensor
    distance: Tensor

    @classmethod
    def unknown(cls, images: Tensor) -> Nearest:
        """Nothing is known of `images`."""
        return cls(images, torch.full((len(images),), torch.inf, dtype=torch.float64, device=images.device))

    def or_else(self, other: Nearest, where: Tensor) -> Nearest:
        """`other` where it is nearer and `where`, (batch,) bool, holds."""
        nearer = where & (other.distance < self.distance)
        return Nearest(
            torch.where(each(nearer, self.points), other.points, self.points),
            torch.where(nearer, other.distance, self.distance),
        )


def at(points: Tensor, images: Tensor, ball: ThreatModel) -> Nearest:
    """`points` with their distance."""
    return Nearest(points, ball.distance(points.double(), images.double()))


@dataclass(frozen=True)
class Seeker:
    """Whose nearest points are looked for.

    Attributes:
        model: frozen and in `eval()` mode, see `attacked`.
        images: (batch, channels, height, width) in [0, 1].
        stepped: called after each step of a search.
    """

    model: nn.Module
    images: Tensor
    goal: Goal
    stepped: Callable[[], None] = lambda: None

    def nearest(self, known: Nearest, search: Search, noises: Iterable[Tensor], ball: ThreatModel) -> Nearest:
        """`known`, or the nearest of all points that the search visits, inside the ball or not.

        Args:
            noises: for each restart what it begins with, see `Search.begin`.
            ball: says what is near, and where a search that is bound to a ball looks.
        """
        images, goal = self.images, self.goal

        def look(known: Nearest, points: Tensor, logits: Tensor) -> Nearest:
            return known.or_else(at(points, images, ball), goal.margin(logits) > 0)

        for noise in noises:
            state = in_ball(search.begin(images, goal, ball, noise), images, ball)
            for number in range(search.steps):
                visit = search.step(self.model, state, images, goal, ball, number)
                known = look(known, state["points"], visit.logits)
                state = visit.state
                self.stepped()
            with torch.no_grad():
                known = look(known, state["points"], self.model(state["points"]))
        return known

    def nearer(self, known: Nearest, noises: Iterable[Tensor], ball: ThreatModel) -> Nearest:
        """`known`, or nearer points that PGD finds in smaller balls, one after the other for each noise.

        The first has three quarters of the radius that is known, or where none is of that of the whole of [0, 1];
        from then on it is halfway between the largest in which nothing was found and the nearest point. A
        minimum-norm search walks along the boundary that it has met; this sets out anew each time, and on robust
        models comes nearer.
        """
        furthest = at((self.images < 0.5).to(self.images), self.images, ball).distance
        least = torch.where(known.distance.isinf(), furthest, known.distance)
        empty = least / 2
        for noise in noises:
            radii = (empty + least) / 2
            smaller: Any = OfEach(ball, radii.to(self.images.dtype))
            found = self.nearest(known, CLOSER, [noise], smaller)
            nearer = found.distance < known.distance
            empty = torch.where(nearer, torch.minimum(empty, found.distance / 2), radii)
            least = torch.where(nearer, found.distance, least)
            known = found
        return known

    @torch.no_grad()
    def on_segment(self, known: Nearest, ball: ThreatModel) -> Nearest:
        """The nearest point that bisection finds between each image and its point, or that point.

        Either is shown to the model once more: what this does not confirm does not count.
        """
        low, high = (torch.full((len(self.images),), end, device=self.images.device) for end in (0.0, 1.0))
        nearest = known.points
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            between = (self.images + each(middle, self.images) * (known.points - self.images)).clamp(0, 1)
            reached = self.goal.margin(self.model(between)) > 0
            low, high = torch.where(reached, low, middle), torch.where(reached, middle, high)
            nearest = torch.where(each(reached, between), between, nearest)
        confirmed = Nearest.unknown(self.images)
        for points in (known.points, nearest):
            reached = self.goal.margin(self.model(points)) > 0
            confirmed = confirmed.or_else(at(points, self.images, ball), reached)
        return confirmed
