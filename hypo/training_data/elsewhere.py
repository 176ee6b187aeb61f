"""Data that are not here: what a loaded model was trained on before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from hypo.datasets.images import ImageData
from hypo.runs.crafted import Crafted


@dataclass(frozen=True)
class Elsewhere:
    """The training data of an architecture that is loaded, and of no other; there is no training.

    Defense and recipe do not matter, and do not enter the run's identity.
    """

    trains: ClassVar[bool] = False
    uses_threat_model: ClassVar[bool] = False

    def prepare(
        self, data: ImageData, experiment: Any, models: Sequence[nn.Module], crafted: Crafted
    ) -> ImageData:
        """`data`, of which nothing is trained on."""
        return data
