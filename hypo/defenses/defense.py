"""What a training step asks of a defense."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from hypo.attacks.threat_models.threat_model import ThreatModel


class Loss(NamedTuple):
    """What one batch costs, and the logits that were computed on the way.

    Attributes:
        value: scalar with gradient.
        clean_logits, perturbed_logits: (batch, classes), or None where the defense did not need them.
    """

    value: Tensor
    clean_logits: Tensor | None = None
    perturbed_logits: Tensor | None = None


class Defense(Protocol):
    """What a defense's frozen dataclass offers.

    A class variable `uses_threat_model = False` says that the trained model is the same for every threat model.
    One that needs other models has the method `prerequisites` of `TrainingData`, and `given(models)`, the defense
    with these trained models at hand, in their order, in `eval()` mode and on the device of the training. One that
    trains against an inner attack has it as `attack`, a `ProjectedGradient`, or None where it perturbs nothing:
    what is held out of training is scored under it. One whose host decides anew in each step what is computed says
    so by a class variable `same_every_step = False`.
    """

    def loss(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        random: torch.Generator,
    ) -> Loss:
        """The training loss of a batch.

        Args:
            model: in `train()` mode.
            images: (batch, channels, height, width) in [0, 1].
            labels: (batch,) int64.
            random: generator on the images' device, for the inner attack alone.
        """
        ...
