"""No training at all: the model as it was initialised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from hypo.datasets.images import ImageData
from hypo.runs.crafted import Crafted


@dataclass(frozen=True)
class Naive:
    """A model that has seen no data (Tao et al. 2022, Appendix A.3); batch-norm statistics are the initial ones.

    Defense and recipe do not matter, and do not enter the run's identity.
    """

    trains: ClassVar[bool] = False
    uses_threat_model: ClassVar[bool] = False

    def prepare(
        self, data: ImageData, experiment: Any, models: Sequence[nn.Module], crafted: Crafted
    ) -> ImageData:
        """`data`, of which nothing is trained on."""
        return data
