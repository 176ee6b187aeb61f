"""Quality data: the training set as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from hypo.datasets.images import ImageData
from hypo.runs.crafted import Crafted


@dataclass(frozen=True)
class Quality:
    """The data set unchanged (Tao et al. 2022, Appendix A.3)."""

    uses_threat_model: ClassVar[bool] = False

    def prepare(
        self, data: ImageData, experiment: Any, models: Sequence[nn.Module], crafted: Crafted
    ) -> ImageData:
        """`data`, whose training split is used as it is."""
        return data
