"""The stability attack: make the prediction any other than it is, right or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from hypo.attacks.goals.goal import lead


@dataclass(frozen=True)
class Stability:
    """Maximise KL(p(x) ‖ p(x′)), the inner attack of TRADES (Zhang et al. 2019, Equation 5).

    Attributes:
        clean_logits: (batch, classes) logits of the clean images, without gradient.
    """

    clean_logits: Tensor

    starts_gaussian: ClassVar[bool] = True
    wanted: ClassVar[bool] = False

    @property
    def classes(self) -> Tensor:
        """(batch,) the clean predictions, which are to be left."""
        return self.clean_logits.argmax(1)

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) divergence from the clean prediction."""
        return divergence(self.clean_logits, logits)

    def margin(self, logits: Tensor) -> Tensor:
        """(batch,) positive where the prediction differs from the clean one."""
        return -lead(logits, self.classes)


def divergence(clean_logits: Tensor, perturbed_logits: Tensor) -> Tensor:
    """(batch,) KL(p(x) ‖ p(x′)) >= 0 of the softmax distributions, in nats."""
    clean = F.log_softmax(clean_logits, dim=1)
    perturbed = F.log_softmax(perturbed_logits, dim=1)
    return F.kl_div(perturbed, clean, reduction="none", log_target=True).sum(1)
