"""The difference of two logits as the objective: towards one class, whichever is the likeliest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hypo.attacks.goals.goal import OtherObjective, lead


@dataclass(frozen=True)
class LogitsDifference(OtherObjective):
    """`goal`, with a difference of logits to climb (Gowal et al. 2019, Section 3).

    Where the class at stake is to be left, that of a rival over its own; where it is wanted, its own over the
    largest of the others, which is its margin.

    Attributes:
        rivals: (batch,) int64, another class than that at stake; not looked at where that is wanted.
    """

    rivals: Tensor

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) the difference."""
        at_stake, rival = (
            logits.gather(1, which.unsqueeze(1)).squeeze(1) for which in (self.classes, self.rivals)
        )
        wanted = torch.as_tensor(self.wanted, device=logits.device)
        return torch.where(wanted, lead(logits, self.classes), rival - at_stake)
