"""The fast minimum-norm search: the nearest point that reaches a goal, wherever it lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.gradients import climb, unless_stalled
from hypo.attacks.searches.reaching import (
    annealed,
    check_start,
    end,
    furthest,
    nearest_reached,
    nothing_reached,
)
from hypo.attacks.searches.search import State, Visit, each
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings import checks

LENGTHS = (2.0, 0.01)
"""Of the first and of the last step, in units of the radius."""

SHRINKING = (0.05, 0.001)
"""By how much of itself the radius changes at the first step and at the last."""


@dataclass(frozen=True)
class FastMinimumNorm:
    """FMN (Pintor et al. 2021, Algorithm 1): steps up the margin, each projected into a ball of a changing radius.

    The radius is each example's own: until the goal is reached for the first time, where the margin would be 0 if
    it were linear; from then on it shrinks where the goal is reached, and grows where it is not. So points outside
    the ball are visited, which do not count. It climbs the margin, whatever the goal's own objective.

    Two things are not as published. A step is the steepest in the norm of the ball, and its length in units of the
    radius; there it is a Euclidean one of its own. And before the goal is reached the radius goes a little beyond
    the linear guess: under ℓ2 a boundary that is approached from within was seldom crossed.

    Its state has "nearest", the nearest point that reached the goal, and "distance", (batch,), how far that is,
    infinite where none did. It ends there or, where that is outside the ball, on the way there.

    Attributes:
        steps, restarts: see `Search`.
        start: "clean", or "uniform" in the ball (ℓ2: on the sphere).
    """

    steps: int = 50
    restarts: int = 1
    start: Literal["clean", "uniform"] = "clean"

    def __post_init__(self) -> None:
        checks.integer("steps", self.steps, at_least=1)
        checks.integer("restarts", self.restarts, at_least=1)
        check_start(self.start, self.restarts)

    def begin(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> State:
        """See `Search.begin`."""
        random = threat_model.project(images + threat_model.uniform(noise), images)
        points = images if self.start == "clean" else random
        radius = threat_model.distance(points, images)
        return {"points": points, "noise": noise, "radius": radius, **nothing_reached(images)}

    def step(
        self, model: nn.Module, state: State, images: Tensor, goal: Goal, threat_model: ThreatModel, number: int
    ) -> Visit:
        """One step up the margin, and from the last to the nearest point; see `Search.step`."""
        points, noise, radius = state["points"], state["noise"], state["radius"]
        logits, margin, gradient = climb(model, points, goal.margin)
        distance, reached = threat_model.distance(points, images), margin > 0
        known = nearest_reached(state, distance, reached)
        least = known["distance"]

        length, change = (annealed(ends, number / self.steps) for ends in (LENGTHS, SHRINKING))
        # By Hölder's inequality no linear margin of this gradient is 0 at a smaller distance.
        slope = (gradient * threat_model.direction(gradient)).flatten(1).sum(1)
        linear = distance - margin / slope.clamp_min(1e-12)
        beyond = torch.where(least.isfinite(), radius, torch.maximum(radius, linear))
        radius = torch.where(reached, torch.minimum(radius * (1 - change), least), beyond * (1 + change))
        radius = torch.minimum(radius, furthest(images, threat_model))

        direction = threat_model.direction(unless_stalled(gradient, noise, number))
        moved = threat_model.project(points + each(length * radius, images) * direction, images, radius)
        state = {"points": moved, "noise": noise, "radius": radius, **known}
        if number + 1 == self.steps:
            state["points"] = end(state, images, threat_model)
        return Visit(state, logits, distance <= threat_model.epsilon)

    def leaving_clean(self) -> FastMinimumNorm:
        """The same from anywhere in the ball."""
        return replace(self, start="uniform")
