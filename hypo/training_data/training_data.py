"""What an experiment asks of its training data."""

from __future__ import annotations

from typing import Protocol

from hypo.datasets.images import ImageData


class TrainingData(Protocol):
    """What the frozen dataclass of a training data quality offers."""

    def prepare(self, data: ImageData) -> ImageData:
        """`data` with the training split that this quality makes of it; the test split is never changed."""
        ...
