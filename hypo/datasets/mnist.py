"""MNIST: handwritten digits, the data set of the small nets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from hypo.datasets.images import ImageData, Known
from hypo.datasets.torchvision_files import read_splits
from hypo.settings import checks

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class Mnist:
    """60,000 training and 10,000 test images, grey, 28×28; not normalised (mean 0, std 1).

    Attributes:
        root: the folder that holds `MNIST/raw/train-images-idx3-ubyte` and its three companions.
        download: whether to fetch what is missing.
    """

    known: ClassVar[Known] = ((1, 28, 28), 10)

    root: str = field(default="data", metadata={"identity": False})
    download: bool = field(default=False, metadata={"identity": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checks.absolute(self.root))

    def load(self) -> ImageData:
        """MNIST, (examples, 1, 28, 28); InputError when it is missing, cannot be fetched or is broken."""
        from torchvision.datasets import MNIST

        root = Path(self.root)

        def read(train: bool) -> tuple[np.ndarray, np.ndarray]:
            mnist = MNIST(root, train=train, download=self.download)
            return mnist.data.numpy()[..., np.newaxis], mnist.targets.numpy()

        train, test = read_splits(
            read, name="MNIST", folder=root / "MNIST" / "raw", files=FILES, classes=10, download=self.download
        )
        return ImageData(train, test, classes=tuple("0123456789"), maximum=255, mean=(0.0,), std=(1.0,))
