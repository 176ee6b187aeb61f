"""CIFAR-10: small colour photographs, the data set of most published tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from hypo.datasets.images import ImageData, Known
from hypo.datasets.torchvision_files import read_splits
from hypo.settings import checks

FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Cifar10:
    """50,000 training and 10,000 test images, RGB, 32×32; normalised as Tao et al. (AAAI 2022) do.

    Attributes:
        root: the folder that holds `cifar-10-batches-py/data_batch_1` and its companions.
        download: whether to fetch what is missing.
    """

    known: ClassVar[Known] = ((3, 32, 32), len(CLASSES))

    root: str = field(default="data", metadata={"identity": False})
    download: bool = field(default=False, metadata={"identity": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checks.absolute(self.root))

    def load(self) -> ImageData:
        """CIFAR-10, (examples, 3, 32, 32); InputError when it is missing, cannot be fetched or is broken."""
        from torchvision.datasets import CIFAR10

        root = Path(self.root)

        def read(train: bool) -> tuple[np.ndarray, list[int]]:
            cifar = CIFAR10(root, train=train, download=self.download)
            return cifar.data, cifar.targets

        train, test = read_splits(
            read,
            name="CIFAR-10",
            folder=root / "cifar-10-batches-py",
            files=FILES,
            classes=len(CLASSES),
            download=self.download,
        )
        return ImageData(
            train,
            test,
            classes=CLASSES,
            maximum=255,
            mean=(0.4914, 0.4822, 0.4465),
            std=(0.2471, 0.2435, 0.2616),
        )
