"""Projected gradient ascent: one way to search, for every goal and every threat model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from hypo.attacks.goal import Goal
from hypo.attacks.model_state import attacked
from hypo.settings import checks
from hypo.threat_models.threat_model import ThreatModel

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

    def __post_init__(self) -> None:
        checks.integer("steps", self.steps, at_least=1)
        checks.number("relative_step", self.relative_step, above=0)
        checks.integer("restarts", self.restarts, at_least=1)
        checks.choice("start", self.start, ("uniform", "gaussian", "authors_code", "clean"))

    def starting_point(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> Tensor:
        """Where a search for `goal` begins, from standard normal `noise` of the images' shape.

        The Gaussian start is clamped to [0, 1] but not projected, as in the authors' code: it may lie outside the
        ball until the first step.
        """
        if self.start == "clean":
            return images
        uniform = threat_model.project(images + threat_model.uniform(noise), images)
        gaussian = (images + GAUSSIAN_START * noise).clamp(0, 1)
        if self.start == "authors_code":
            which = torch.as_tensor(goal.starts_gaussian, device=images.device)
            return torch.where(which.view(-1, *[1] * (images.dim() - 1)), gaussian, uniform)
        return uniform if self.start == "uniform" else gaussian

    def step(
        self,
        model: nn.Module,
        perturbed: Tensor,
        images: Tensor,
        goal: Goal,
        threat_model: ThreatModel,
        noise: Tensor,
        number: int,
    ) -> tuple[Tensor, Tensor]:
        """One step of every example of a batch; nothing is read back from the device.

        Args:
            model: frozen and in `eval()` mode, see `attacked`.
            perturbed, images, noise: (batch, channels, height, width); the current point, the centre of the
                ball, and the noise that the search began with.
            number: which step of the search this is, from 0.

        Returns:
            The next point, and the (batch, classes) logits at the *current* one.
        """
        perturbed = perturbed.detach().requires_grad_()
        logits = model(perturbed)
        # Summed, not averaged: a mean would make the gradient's size depend on the batch.
        (gradient,) = torch.autograd.grad(goal.objective(logits).sum(), perturbed)
        # A confident example's cross-entropy has gradient exactly 0 in floating point. It then walks in a
        # seeded random direction, another one each step, instead of standing still. Not along the noise itself:
        # the search may have begun there, on the sphere, and would be projected straight back.
        stalled = gradient.flatten(1).abs().amax(1).eq(0).view(-1, *[1] * (images.dim() - 1))
        random_direction = noise.flatten(1).roll(number + 1, dims=1).view_as(noise)
        gradient = torch.where(stalled, random_direction, gradient)
        length = self.relative_step * threat_model.epsilon
        moved = perturbed.detach() + length * threat_model.direction(gradient)
        return threat_model.project(moved, images), logits.detach()

    def last(
        self, model: nn.Module, images: Tensor, goal: Goal, threat_model: ThreatModel, random: torch.Generator
    ) -> Tensor:
        """Where a single search ends: the inner attack of a defense.

        Args:
            model: any mode; left as found. During the attack it is frozen and in `eval()` mode.
            images: (batch, channels, height, width) in [0, 1].
            random: generator on the images' device.

        Returns:
            Perturbed images of the same shape, in the ball and in [0, 1].
        """
        noise = torch.randn(images.shape, generator=random, device=images.device)
        perturbed = self.starting_point(images, goal, threat_model, noise)
        with attacked(model):
            for number in range(self.steps):
                perturbed, _ = self.step(model, perturbed, images, goal, threat_model, noise, number)
        return perturbed

    def best(
        self, model: nn.Module, images: Tensor, goal: Goal, threat_model: ThreatModel, random: torch.Generator
    ) -> Tensor:
        """The point of largest margin among the clean images and all that any restart visits in the ball.

        A reached goal has a positive margin, so this keeps successes before near misses, and is never worse
        than the start. Arguments and result are those of `last`.
        """
        singleton = [1] * (images.dim() - 1)
        with attacked(model), torch.no_grad():
            best, best_margin = images, goal.margin(model(images))

        def keep(candidate: Tensor, logits: Tensor) -> None:
            nonlocal best, best_margin
            margin = goal.margin(logits)
            better = margin > best_margin  # False for a margin that is not a number
            best = torch.where(better.view(-1, *singleton), candidate, best)
            best_margin = torch.where(better, margin, best_margin)

        with attacked(model):
            for _ in range(self.restarts):
                noise = torch.randn(images.shape, generator=random, device=images.device)
                perturbed = threat_model.project(self.starting_point(images, goal, threat_model, noise), images)
                for number in range(self.steps):
                    moved, logits = self.step(model, perturbed, images, goal, threat_model, noise, number)
                    keep(perturbed, logits)
                    perturbed = moved
                with torch.no_grad():
                    keep(perturbed, model(perturbed))
        return best
