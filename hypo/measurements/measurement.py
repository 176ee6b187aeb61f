"""What is measured on a trained model besides the flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from hypo.datasets.images import ImageData
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Finding
from hypo.measurements.pooled_search import Progress
from hypo.measurements.risks import Flags
from hypo.threat_models.threat_model import ThreatModel


@dataclass(frozen=True)
class Subject:
    """What there is to measure.

    Attributes:
        model: trained, in `eval()` mode, on `device`; from (batch, channels, height, width) images in [0, 1] to
            logits. It is left as found.
        data: with its test split on `device`; `evaluation.test_limit` of it were attacked.
        arch: the component that built the model.
        evaluation: how `flags` were decided under `threat_model`.
        flags: one entry for each attacked test example.
        seed: of the run.
        models: the trained models that `Measurement.prerequisites` asked for, in its order.
        progress: told how much is done.
    """

    model: nn.Module
    data: ImageData
    arch: Any
    threat_model: ThreatModel
    evaluation: Evaluation
    flags: Flags
    seed: int
    device: torch.device
    models: Sequence[nn.Module]
    progress: Progress


class Measurement(Protocol):
    """What the frozen dataclass of a measurement offers.

    It may have a method `prerequisites(experiment)` too, as `TrainingData` has.
    """

    def measure(self, subject: Subject) -> Finding:
        """What is found; the same for the same run, so that every random number comes from the subject's seed."""
        ...
