"""What a model that is not trained is defended by: nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Loss


@dataclass(frozen=True)
class NoDefense:
    """The only defense of `training_data=naive`, and of nothing else."""

    uses_threat_model: ClassVar[bool] = False

    def loss(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        random: torch.Generator,
    ) -> Loss:
        """Never asked for."""
        raise AssertionError("a model that is not trained has no loss")
