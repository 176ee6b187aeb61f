"""SVHN: house numbers in street photographs, one digit in the middle of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from hypo.datasets.images import ImageData, Known
from hypo.datasets.torchvision_files import read_splits
from hypo.settings import checks

FILES = ("train_32x32.mat", "test_32x32.mat")


@dataclass(frozen=True)
class Svhn:
    """73,257 training and 26,032 test images, RGB, 32×32; normalised by mean and std 0.5, as Tao et al. (2022) do.

    Attributes:
        root: the folder that holds `train_32x32.mat` and `test_32x32.mat`.
        download: whether to fetch what is missing.
    """

    known: ClassVar[Known] = ((3, 32, 32), 10)

    root: str = field(default="data", metadata={"identity": False})
    download: bool = field(default=False, metadata={"identity": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checks.absolute(self.root))

    def load(self) -> ImageData:
        """SVHN, (examples, 3, 32, 32); InputError when it is missing, cannot be fetched or is broken."""
        from torchvision.datasets import SVHN

        root = Path(self.root)

        def read(train: bool) -> tuple[np.ndarray, np.ndarray]:
            svhn = SVHN(root, split="train" if train else "test", download=self.download)
            return svhn.data.transpose(0, 2, 3, 1), svhn.labels

        train, test = read_splits(read, name="SVHN", folder=root, files=FILES, classes=10, download=self.download)
        return ImageData(train, test, tuple("0123456789"), maximum=255, mean=(0.5,) * 3, std=(0.5,) * 3)
