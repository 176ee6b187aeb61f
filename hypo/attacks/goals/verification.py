"""Each example's own flag: the adversary attacks what is right, and the false friend what is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hypo.attacks.goals.goal import lead


@dataclass(frozen=True)
class Verification:
    """`Adversarial` where the prediction is right and `Hypocritical` elsewhere, at the price of one of them.

    They are after the same cross-entropy and the same margin, but for the sign, so that this gives what
    `PerExample` of the two does, to the bit.

    Attributes:
        labels: (batch,) int64 true labels y.
        correct: (batch,) bool, which of the clean predictions are right.
    """

    labels: Tensor
    correct: Tensor

    @property
    def starts_gaussian(self) -> Tensor:
        """(batch,) bool, for the false friend."""
        return ~self.correct

    @property
    def classes(self) -> Tensor:
        """(batch,) the true labels, which are to be left or reached."""
        return self.labels

    @property
    def wanted(self) -> Tensor:
        """(batch,) bool, whether the label is to be reached."""
        return ~self.correct

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) cross-entropy to the true label, and minus that for the false friend."""
        return self._sign(logits) * F.cross_entropy(logits, self.labels, reduction="none")

    def margin(self, logits: Tensor) -> Tensor:
        """(batch,) positive where the prediction is not the true label, or for the false friend where it is."""
        return -self._sign(logits) * lead(logits, self.labels)

    def _sign(self, logits: Tensor) -> Tensor:
        """(batch,) 1 for the adversary and −1 for the false friend."""
        return torch.where(self.correct, 1, -1).to(logits.dtype)
