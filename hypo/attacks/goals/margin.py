"""The margin as the objective: what Carlini and Wagner's attack climbs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hypo.attacks.goals.goal import OtherObjective


@dataclass(frozen=True)
class Margin(OtherObjective):
    """`goal`, with its margin to climb instead of its own objective: ±(max_{j≠y} z_j − z_y).

    C&W of Table 14 of Tao et al. 2022, after Carlini and Wagner (2017), Equation f₆ without its threshold. Unlike
    the cross-entropy's, its gradient does not vanish for confident examples.
    """

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) the margin."""
        return self.goal.margin(logits)
