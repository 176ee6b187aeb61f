"""The false friend: make a wrong prediction right, so that the mistake is not noticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from hypo.attacks.goals.goal import lead


@dataclass(frozen=True)
class Hypocritical:
    """Minimise CE(p(x′), y) (Tao et al. 2022, Section 4).

    Attributes:
        labels: (batch,) int64 true labels y.
    """

    labels: Tensor

    starts_gaussian: ClassVar[bool] = True
    wanted: ClassVar[bool] = True

    @property
    def classes(self) -> Tensor:
        """(batch,) the true labels, which are to be reached."""
        return self.labels

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) minus the cross-entropy to the true label."""
        return -F.cross_entropy(logits, self.labels, reduction="none")

    def margin(self, logits: Tensor) -> Tensor:
        """(batch,) positive where the prediction is the true label."""
        return lead(logits, self.labels)
