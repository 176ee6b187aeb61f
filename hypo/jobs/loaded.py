"""Data sets, read once for all the jobs of a process that share them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hypo.datasets.images import ImageData, Known


@lru_cache(maxsize=2)
def loaded(dataset: Any) -> ImageData:
    """The data set, read once for all the jobs that share it."""
    return dataset.load()


def form(dataset: Any, here: bool) -> Known:
    """The shape of its images and the number of its classes; `here`: see `Experiment.check`."""
    if not here and (known := getattr(dataset, "known", None)):
        return known
    data = loaded(dataset)
    return data.shape, len(data.classes)
