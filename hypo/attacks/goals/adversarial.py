"""The adversary: make a correct prediction wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from hypo.attacks.goals.goal import lead


@dataclass(frozen=True)
class Adversarial:
    """Maximise CE(p(x′), y) (Madry et al. 2018).

    Attributes:
        labels: (batch,) int64 true labels y.
    """

    labels: Tensor

    starts_gaussian: ClassVar[bool] = False
    wanted: ClassVar[bool] = False

    @property
    def classes(self) -> Tensor:
        """(batch,) the true labels, which are to be left."""
        return self.labels

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) cross-entropy to the true label."""
        return F.cross_entropy(logits, self.labels, reduction="none")

    def margin(self, logits: Tensor) -> Tensor:
        """(batch,) positive where the prediction is not the true label."""
        return -lead(logits, self.labels)
