"""The square search: random changes of square windows, kept where they help; it needs no gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches import windows
from hypo.attacks.searches.search import State, Visit, best_seen, nothing_seen
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings import checks
from hypo.settings.errors import InputError

FIRST_PART = 0.8
"""Of the image, that the first windows change."""

HALVED_AT = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""The parts of all steps after which the windows change half as much of the image."""


@dataclass(frozen=True)
class Square:
    """Square Attack (Andriushchenko et al. 2020, Algorithm 1), with the windows of Algorithms 2 (ℓ∞) and 3 (ℓ2).

    Each step looks at the best point so far with another window, and goes on from there where the margin is larger
    than before. It ends at the best.

    Attributes:
        steps, restarts: see `Search`.
    """

    steps: int = 300
    restarts: int = 1

    def __post_init__(self) -> None:
        checks.integer("steps", self.steps, at_least=1)
        checks.integer("restarts", self.restarts, at_least=1)

    def check(self, threat_model: ThreatModel) -> None:
        """Refuse, with InputError, other norms than ℓ∞ and ℓ2."""
        if not isinstance(threat_model, (Linf, L2)):
            raise InputError(f"takes threat_model=linf or l2, got {type(threat_model).__name__.lower()}")

    def begin(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> State:
        """At stripes from top to bottom (ℓ∞), or at tiles with a bump in each (ℓ2)."""
        pattern = windows.bumps(noise) if isinstance(threat_model, L2) else windows.stripes(noise)
        begin = threat_model.epsilon * threat_model.direction(pattern)
        points = threat_model.project(images + begin, images)
        return {"points": points, "noise": noise, **nothing_seen(points)}

    def step(
        self, model: nn.Module, state: State, images: Tensor, goal: Goal, threat_model: ThreatModel, number: int
    ) -> Visit:
        """One look at one more point, and from the last to the best; see `Search.step`."""
        with torch.no_grad():
            logits = model(state["points"])
        seen = best_seen(state, goal.margin(logits))
        state = {"points": seen["best"], "noise": state["noise"], **seen}
        if number + 1 < self.steps:
            change = windows.shifted if isinstance(threat_model, L2) else windows.painted
            part = FIRST_PART / 2 ** sum((number + 1) / self.steps > after for after in HALVED_AT)
            moved = change(seen["best"] - images, threat_model.epsilon, part, state["noise"], number + 1)
            state["points"] = threat_model.project(images + moved, images)
        return Visit(state, logits)

    def leaving_clean(self) -> Square:
        """Itself: it never looks at the clean image."""
        return self
