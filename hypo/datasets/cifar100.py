"""CIFAR-100: small colour photographs of a hundred classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from hypo.datasets.images import ImageData, Known
from hypo.datasets.torchvision_files import read_splits
from hypo.settings import checks

FILES = ("train", "test", "meta")
# fmt: off
CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl",
    "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair",
    "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin",
    "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp",
    "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck",
    "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road",
    "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger",
    "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman",
    "worm",
)
"""The fine labels, in their order."""
# fmt: on


@dataclass(frozen=True)
class Cifar100:
    """50,000 training and 10,000 test images, RGB, 32×32; normalised as Tao et al. (AAAI 2022) do.

    Attributes:
        root: the folder that holds `cifar-100-python/train` and its companions.
        download: whether to fetch what is missing.
    """

    known: ClassVar[Known] = ((3, 32, 32), len(CLASSES))

    root: str = field(default="data", metadata={"identity": False})
    download: bool = field(default=False, metadata={"identity": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checks.absolute(self.root))

    def load(self) -> ImageData:
        """CIFAR-100, (examples, 3, 32, 32); InputError when it is missing, cannot be fetched or is broken."""
        from torchvision.datasets import CIFAR100

        root = Path(self.root)

        def read(train: bool) -> tuple[np.ndarray, list[int]]:
            cifar = CIFAR100(root, train=train, download=self.download)
            return cifar.data, cifar.targets

        train, test = read_splits(
            read,
            name="CIFAR-100",
            folder=root / "cifar-100-python",
            files=FILES,
            classes=len(CLASSES),
            download=self.download,
        )
        return ImageData(
            train,
            test,
            classes=CLASSES,
            maximum=255,
            mean=(0.5071, 0.4865, 0.4409),
            std=(0.2673, 0.2564, 0.2762),
        )
