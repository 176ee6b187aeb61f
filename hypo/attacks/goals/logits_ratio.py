"""The ratio of differences of logits as the objective: what shift and scale of the logits cannot change."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hypo.attacks.goals.goal import OtherObjective
from hypo.attacks.goals.logits_difference import LogitsDifference


@dataclass(frozen=True)
class LogitsRatio(OtherObjective):
    """`goal`, with a DLR to climb (Croce and Hein 2020, Equation 6, the targeted one).

    Where the class at stake is to be left, that of a rival against it; where it is wanted, its own against the
    largest of the others.

    Attributes:
        rivals: (batch,) int64, another class than that at stake; not looked at where that is wanted.
    """

    rivals: Tensor

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) the difference of the two logits, over how far apart the largest are."""
        return LogitsDifference(self.goal, self.rivals).objective(logits) / _spread(logits)


def _spread(logits: Tensor) -> Tensor:
    """(batch,) from the largest logit down to the mean of the third and the fourth, > 0.

    Of three, to the mean of the second and the third, because the difference of the first and the third is
    itself one that is climbed; of two there is only that, and the spread is 1.
    """
    if logits.shape[1] < 3:
        return torch.ones_like(logits[:, 0])
    largest = logits.topk(min(4, logits.shape[1]), dim=1).values
    return (largest[:, 0] - largest[:, -2:].mean(1)).clamp_min(1e-12)
