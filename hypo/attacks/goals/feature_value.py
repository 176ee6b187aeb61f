"""The value of one feature of a representation: as large as can be, or as small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class FeatureValue:
    """Maximise direction · f(x′), f one of the numbers that a representation gives in the place of logits.

    Attributes:
        feature: which one.
        direction: (batch,) 1 for as large as can be, −1 for as small.
    """

    feature: int
    direction: Tensor

    starts_gaussian: ClassVar[bool] = False

    @property
    def classes(self) -> Tensor:
        """(batch,) int64, the feature: what stands in the place of a class."""
        return torch.full(self.direction.shape, self.feature, device=self.direction.device)

    @property
    def wanted(self) -> Tensor:
        """(batch,) bool, whether it is to be large."""
        return self.direction > 0

    def objective(self, features: Tensor) -> Tensor:
        """(batch,) the value, from (batch, features)."""
        return self.direction * features[:, self.feature]

    def margin(self, features: Tensor) -> Tensor:
        """(batch,) the same: there is no line to be past, only further and less far."""
        return self.objective(features)
