"""Projected gradient ascent: one way to search, for every goal and every threat model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.gradients import climb, unless_stalled
from hypo.attacks.searches.search import State, Visit, each
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings import checks

GAUSSIAN_START = 0.01
"""Standard deviation of the start at x + 0.01·N(0, 1) in the code of Tao et al. 2022."""


@dataclass(frozen=True)
class ProjectedGradient:
    """Steps of fixed length along the steepest ascent of a goal, each projected back into the ball.

    PGD (Madry et al. 2018); one full step from the clean image, `steps=1, relative_step=1, start="clean"`, is
    FGSM (Goodfellow et al. 2015).

    Attributes:
        steps: gradient steps, >= 1.
        relative_step: step length in units of ε, > 0.
        restarts: independent searches from new starting points, >= 1.
        start: "uniform" in the ball (ℓ2: on the sphere), "gaussian" at x + 0.01·N(0, 1), "authors_code" for
            the one of the two that the code of Tao et al. 2022 has for the goal, or "clean".
    """

    steps: int = 20
    relative_step: float = 0.25
    restarts: int = 1
    start: Literal["uniform", "gaussian", "authors_code", "clean"] = "uniform"

    alike: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.integer("steps", self.steps, at_least=1)
        checks.number("relative_step", self.relative_step, above=0)
        checks.integer("restarts", self.restarts, at_least=1)
        checks.choice("start", self.start, ("uniform", "gaussian", "authors_code", "clean"))

    def begin(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> State:
        """Where a search for `goal` begins, and the noise that it began with.

        The Gaussian start is clamped to [0, 1] but not projected, as in the authors' code: it may lie outside the
        ball until the first step.
        """
        return {"points": self._start(images, goal, threat_model, noise), "noise": noise}

    def step(
        self,
        model: nn.Module,
        state: State,
        images: Tensor,
        goal: Goal,
        threat_model: ThreatModel,
        number: int | Tensor,
    ) -> Visit:
        """One step up the gradient of the goal's objective; see `Search`."""
        points, noise = state["points"], state["noise"]
        logits, _, gradient = climb(model, points, goal.objective)
        direction = threat_model.direction(unless_stalled(gradient, noise, number))
        moved = points + self.relative_step * threat_model.epsilon * direction
        return Visit({"points": threat_model.project(moved, images), "noise": noise}, logits)

    def leaving_clean(self) -> ProjectedGradient:
        """The same from anywhere in the ball, where it would begin at the clean image."""
        return replace(self, start="uniform") if self.start == "clean" else self

    def last(
        self, model: nn.Module, images: Tensor, goal: Goal, threat_model: ThreatModel, random: torch.Generator
    ) -> Tensor:
        """Where a single search ends: the inner attack of a defense. Arguments and result are those of `best`."""
        noise = torch.randn(images.shape, generator=random, device=images.device)
        state = self.begin(images, goal, threat_model, noise)
        with attacked(model):
            for number in range(self.steps):
                state = self.step(model, state, images, goal, threat_model, number).state
        return state["points"]

    def _start(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> Tensor:
        if self.start == "clean":
            return images
        uniform = threat_model.project(images + threat_model.uniform(noise), images)
        gaussian = (images + GAUSSIAN_START * noise).clamp(0, 1)
        if self.start == "authors_code":
            which = torch.as_tensor(goal.starts_gaussian, device=images.device)
            return torch.where(each(which, images), gaussian, uniform)
        return uniform if self.start == "uniform" else gaussian
