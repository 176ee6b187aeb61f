"""The optimizer of ℓ∞-dist nets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from hypo.training.no_compiler import Adam

BETAS = (0.9, 0.99)
EPSILON = 1e-10


class LpAdam(Adam):
    """Adam (β = 0.9, 0.99; ε = 1e-10) with a weight decay that fits the layers' norm (Zhang et al. 2021, §4.3).

    Before each step, every module of the model that has a `decay` shrinks its own parameters, weights by the
    gradient of ½‖w‖_p²; all other modules are left alone.
    """

    def __init__(self, model: nn.Module, learning_rate: float, weight_decay: float) -> None:
        super().__init__(model.parameters(), lr=learning_rate, betas=BETAS, eps=EPSILON)
        self._decay: list[Callable[[float], None]] = [
            module.decay  # type: ignore[misc]
            for module in model.modules()
            if hasattr(module, "decay")
        ]
        self._rate = weight_decay

    def step(self, *arguments: Any, **named: Any) -> Any:
        """Decay, then step."""
        for decay in self._decay:
            decay(self.param_groups[0]["lr"] * self._rate)
        return super().step(*arguments, **named)
