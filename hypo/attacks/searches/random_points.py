"""Points drawn at random: a search without a gradient, to hold those that have one against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.search import State, Visit, each
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings import checks


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
        """At the first point; that nothing was seen yet is a margin of −∞."""
        points = _points(images, threat_model, noise)
        nothing = torch.full_like(points.flatten(1)[:, 0], -torch.inf)
        return {"points": points, "noise": noise, "best": points, "margin": nothing}

    def step(
        self, model: nn.Module, state: State, images: Tensor, goal: Goal, threat_model: ThreatModel, number: int
    ) -> Visit:
        """On to the next point, and from the last to the best; see `Search`."""
        with torch.no_grad():
            logits = model(state["points"])
        margin = goal.margin(logits)
        better = margin > state["margin"]
        best = torch.where(each(better, images), state["points"], state["best"])
        ended = number + 1 == self.steps
        points = best if ended else _points(images, threat_model, _another(state["noise"], number))
        seen = {"best": best, "margin": torch.where(better, margin, state["margin"])}
        return Visit({"points": points, "noise": state["noise"], **seen}, logits)

    def leaving_clean(self) -> RandomPoints:
        """Itself: it never looks at the clean image."""
        return self


def _points(images: Tensor, threat_model: ThreatModel, noise: Tensor) -> Tensor:
    """A random point of the ball around each of `images`, from standard normal `noise`."""
    return threat_model.project(images + threat_model.uniform(noise), images)


def _another(noise: Tensor, number: int) -> Tensor:
    """Standard normal numbers in the place of those in `noise`, other ones for each `number`.

    The bits of each are counted on and hashed, by lowbias32 (Wellons 2018). So an example's numbers are its own,
    in whatever batch, and are not drawn one example after the other.
    """
    mask = 2**32 - 1
    hashed = (noise.float().view(torch.int32).long() + (number + 1) * 0x9E3779B9) & mask
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        hashed = ((hashed ^ (hashed >> shift)) * factor) & mask
    hashed = hashed ^ (hashed >> 16)
    # 24 bits, all that float32 can tell apart, to the middles of as many parts of (−1, 1), so never to its ends.
    return 2**0.5 * torch.erfinv(((hashed >> 8) - 2**23 + 0.5) / 2**23)
