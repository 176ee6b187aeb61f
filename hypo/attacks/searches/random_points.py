"""Points drawn at random: a search without a gradient, to hold those that have one against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.hashing import another
from hypo.attacks.searches.search import State, Visit, best_seen, nothing_seen
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
        """At the first point."""
        points = _points(images, threat_model, noise)
        return {"points": points, "noise": noise, **nothing_seen(points)}

    def step(
        self, model: nn.Module, state: State, images: Tensor, goal: Goal, threat_model: ThreatModel, number: int
    ) -> Visit:
        """On to the next point, and from the last to the best; see `Search`."""
        with torch.no_grad():
            logits = model(state["points"])
        seen = best_seen(state, goal.margin(logits))
        ended = number + 1 == self.steps
        points = seen["best"] if ended else _points(images, threat_model, another(state["noise"], number))
        return Visit({"points": points, "noise": state["noise"], **seen}, logits)

    def leaving_clean(self) -> RandomPoints:
        """Itself: it never looks at the clean image."""
        return self


def _points(images: Tensor, threat_model: ThreatModel, noise: Tensor) -> Tensor:
    """A random point of the ball around each of `images`, from standard normal `noise`."""
    return threat_model.project(images + threat_model.uniform(noise), images)
