"""Points drawn at random: a search without a gradient, to hold those that have one against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.search import State, Visit, each
from hypo.settings import checks
from hypo.threat_models.threat_model import ThreatModel


@dataclass(frozen=True)
class RandomPoints:
    """Points drawn as a random start is, in the ball (ℓ2: on its sphere); it ends at the best of them.

    Where it decides what a search along the gradient left undecided, the gradient is masked: Athalye et al. (2018)
    have it among the signs of that.

    Attributes:
        steps: how many points, >= 1.
    """

    steps: int = 100

    restarts: ClassVar[int] = 1

    def __post_init__(self) -> None:
        checks.integer("steps", self.steps, at_least=1)

    def begin(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> State:
        """At the first point, with what the others are made of and with nothing that is best yet.

        u is uniform in [0, 1] for each pixel. Point k is made of u + 2k·u′ modulo 1, where u′ is the next pixel's:
        that keeps volumes on the torus, so each point is uniform, and at every pixel any two are independent.
        """
        uniform = 0.5 * (1 + torch.erf(noise / 2**0.5))
        stride = 2 * uniform.flatten(1).roll(-1, dims=1).view_as(uniform)
        points = _point(uniform, images, threat_model)
        nothing = torch.full_like(points.flatten(1)[:, 0], -torch.inf)
        return {"points": points, "uniform": uniform, "stride": stride, "best": points, "margin": nothing}

    def step(
        self, model: nn.Module, state: State, images: Tensor, goal: Goal, threat_model: ThreatModel, number: int
    ) -> Visit:
        """On to the next point, and from the last to the best; see `Search`."""
        with torch.no_grad():
            logits = model(state["points"])
        margin = goal.margin(logits)
        better = margin > state["margin"]
        best = torch.where(each(better, images), state["points"], state["best"])
        uniform = (state["uniform"] + state["stride"]) % 1
        ended = number + 1 == self.steps
        return Visit(
            {
                "points": best if ended else _point(uniform, images, threat_model),
                "uniform": uniform,
                "stride": state["stride"],
                "best": best,
                "margin": torch.where(better, margin, state["margin"]),
            },
            logits,
        )

    def leaving_clean(self) -> RandomPoints:
        """Itself: it never looks at the clean image."""
        return self


def _point(uniform: Tensor, images: Tensor, threat_model: ThreatModel) -> Tensor:
    """A random point of the ball around each of `images`, from a number in [0, 1] for each pixel."""
    # Not 0 or 1 themselves, whose normal quantiles are infinite.
    noise = 2**0.5 * torch.erfinv((2 * uniform - 1).clamp(-1 + 1e-6, 1 - 1e-6))
    return threat_model.project(images + threat_model.uniform(noise), images)
