"""What panels are called."""

from __future__ import annotations

_DATASETS = {"cifar10": "CIFAR-10", "svhn": "SVHN", "cifar100": "CIFAR-100", "tinyimagenet": "Tiny-ImageNet"}

IN_ORDER = tuple(_DATASETS)
"""The data sets of the published tables, in the order of the paper's panels."""


def published(dataset: str) -> str:
    """The title of a panel of published numbers, of a data set as `analysis/paper/reference` names it."""
    return f"published ({_DATASETS[dataset]})"
