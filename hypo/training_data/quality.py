"""Quality data: the training set as it is."""

from __future__ import annotations

from dataclasses import dataclass

from hypo.datasets.images import ImageData


@dataclass(frozen=True)
class Quality:
    """The data set unchanged (Tao et al. 2022, Appendix A.3)."""

    def prepare(self, data: ImageData) -> ImageData:
        """`data`, whose training split is used as it is."""
        return data
