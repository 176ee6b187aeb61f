"""The decoupled search: where to go follows from the gradient, how far from whether the goal was reached."""

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
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings import checks
from hypo.settings.errors import InputError

LENGTHS = (1.0, 0.01)
"""Of the first and of the last step, in units of the radius."""

CHANGE = 0.05
"""By how much of itself the radius changes at every step."""


@dataclass(frozen=True)
class DecoupledDirectionNorm:
    """DDN (Rony et al. 2019, Algorithm 1), for ℓ2: steps up the goal's objective, each brought onto a sphere.

    The sphere's radius is each example's own: at first ε, after that smaller than the last one where the goal was
    reached there, and larger where it was not. So points outside the ball are visited, which do not count. Its
    state has "nearest" and "distance", see `nearest_reached`, and it ends where `end` says.

    Unlike there, the steps are in units of the radius.

    Attributes:
        steps, restarts: see `Search`.
        start: "clean", or "uniform" on the sphere.
    """

    steps: int = 50
    restarts: int = 1
    start: Literal["clean", "uniform"] = "clean"

    def __post_init__(self) -> None:
        checks.integer("steps", self.steps, at_least=1)
        checks.integer("restarts", self.restarts, at_least=1)
        check_start(self.start, self.restarts)

    def check(self, threat_model: ThreatModel) -> None:
        """Refuse, with InputError, any other norm than ℓ2."""
        if not isinstance(threat_model, L2):
            raise InputError(f"takes threat_model=l2, got {type(threat_model).__name__.lower()}")

    def begin(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> State:
        """See `Search.begin`."""
        random = threat_model.project(images + threat_model.uniform(noise), images)
        points = images if self.start == "clean" else random
        radius = torch.full_like(images.flatten(1)[:, 0], threat_model.epsilon)
        return {"points": points, "noise": noise, "radius": radius, **nothing_reached(images)}

    def step(
        self, model: nn.Module, state: State, images: Tensor, goal: Goal, threat_model: ThreatModel, number: int
    ) -> Visit:
        """One step, and from the last to the nearest point; see `Search.step`."""
        points, noise, radius = state["points"], state["noise"], state["radius"]
        logits, _, gradient = climb(model, points, goal.objective)
        distance, reached = threat_model.distance(points, images), goal.margin(logits) > 0
        known = nearest_reached(state, distance, reached)

        length = each(annealed(LENGTHS, number / self.steps) * radius, images)
        direction = threat_model.direction(unless_stalled(gradient, noise, number))
        away = threat_model.direction(points + length * direction - images)
        radius = torch.where(reached, radius * (1 - CHANGE), radius * (1 + CHANGE))
        radius = torch.minimum(radius, furthest(images, threat_model))

        moved = (images + each(radius, images) * away).clamp(0, 1)
        state = {"points": moved, "noise": noise, "radius": radius, **known}
        if number + 1 == self.steps:
            state["points"] = end(state, images, threat_model)
        return Visit(state, logits, distance <= threat_model.epsilon)

    def leaving_clean(self) -> DecoupledDirectionNorm:
        """The same from anywhere on the sphere: at the clean image a divergence from it has no gradient."""
        return replace(self, start="uniform")
