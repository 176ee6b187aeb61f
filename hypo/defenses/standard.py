"""Standard training: no defense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Loss


@dataclass(frozen=True)
class Standard:
    """Minimise CE(p(x), y), averaged over the batch."""

    uses_threat_model: ClassVar[bool] = False

    def loss(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        random: torch.Generator,
    ) -> Loss:
        """See `Defense.loss`; the threat model and the generator are not used."""
        logits = model(images)
        return Loss(F.cross_entropy(logits, labels), clean_logits=logits)
