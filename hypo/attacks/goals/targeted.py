"""The targeted attack: make the prediction a class of the attacker's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from hypo.attacks.goals.goal import lead


@dataclass(frozen=True)
class Targeted:
    """Minimise CE(p(x′), t). With t = y this is the hypocritical attack.

    Attributes:
        targets: (batch,) int64 wanted classes t.
    """

    targets: Tensor

    starts_gaussian: ClassVar[bool] = False
    wanted: ClassVar[bool] = True

    @property
    def classes(self) -> Tensor:
        """(batch,) the targets, which are to be reached."""
        return self.targets

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) minus the cross-entropy to the target."""
        return -F.cross_entropy(logits, self.targets, reduction="none")

    def margin(self, logits: Tensor) -> Tensor:
        """(batch,) positive where the prediction is the target."""
        return lead(logits, self.targets)
