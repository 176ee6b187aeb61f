"""What every data set loads into: two splits of 8-bit images, and what their numbers mean."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from hypo.datasets.on_demand import OnDemand

_SUBSET_SEED = 0

Images: TypeAlias = Tensor | OnDemand
"""In memory, or in files; indexed, either gives a tensor."""


@dataclass(frozen=True)
class Split:
    """Images and their labels.

    Attributes:
        images: (examples, channels, height, width) uint8, laid out channels-last in memory.
        labels: (examples,) int64 in [0, classes).
    """

    images: Images
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Split:
        """The same split on another device."""
        return Split(self.images.to(device), self.labels.to(device))

    def select(self, indices: Tensor) -> Split:
        """The examples at `indices` (int64), in that order."""
        images = self.images
        selected = images.select(indices) if isinstance(images, OnDemand) else images[indices]
        return Split(selected, self.labels[indices])

    def limited(self, count: int | None) -> tuple[Split, Tensor]:
        """At most `count` examples (None: all), and their indices in this split, ascending.

        The subset is random but always the same, so that the classes of a sorted data set stay mixed.
        """
        everything = torch.arange(len(self), device=self.labels.device)
        if count is None or count >= len(self):
            return self, everything
        # RandomState, because numpy promises its numbers to stay the same in every version.
        order = np.random.RandomState(_SUBSET_SEED).permutation(len(self))
        indices = everything[torch.from_numpy(np.sort(order[:count])).to(everything.device)]
        return self.select(indices), indices


@dataclass(frozen=True)
class ImageData:
    """A data set, in memory or decoded on demand.

    Attributes:
        train, test: the two splits; the first may be empty, and then nothing can be trained.
        classes: the name of each label.
        maximum: the 8-bit value that stands for 1.0 (255, or 16 for the digits).
        mean, std: per channel, in units of [0, 1]; what the model's first layer normalises by.
    """

    train: Split
    test: Split
    classes: tuple[str, ...]
    maximum: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def finer(self) -> ImageData:
        """The same images with the smallest grey levels that 8 bits hold them in.

        Every number is multiplied by one power of two, and `maximum` too, so that dividing by it gives the
        same floats as before, bit by bit.
        """
        factor = 1 << ((255 // self.maximum).bit_length() - 1)
        if factor == 1:
            return self
        splits = (self.train, self.test)
        train, test = (Split(split.images[:] * factor, split.labels) for split in splits)
        return replace(self, train=train, test=test, maximum=self.maximum * factor)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


Known: TypeAlias = tuple[tuple[int, int, int], int]
"""(channels, height, width) of one image, and the number of classes."""


class Dataset(Hashable, Protocol):
    """What a data set's frozen dataclass offers.

    A field that cannot change a result (where the files lie, whether to download them) is declared with
    `field(metadata={"identity": False})`. A data set whose files are the user's own adds a method
    `fingerprint() -> str`, so that two folders with other contents are two data sets. One that is the same
    everywhere declares `known: Known`, so that its runs can be planned on a machine that does not have its files.
    """

    def load(self) -> ImageData:
        """The two splits; InputError when they are missing or broken, saying where it looked."""
        ...


def known(dataset: Dataset) -> Known:
    """What a data set declares of itself, or what is found when it is loaded.

    Raises:
        InputError: when it has to be loaded, and cannot be.
    """
    declared: Known | None = getattr(dataset, "known", None)
    if declared is not None:
        return declared
    data = dataset.load()
    return data.shape, len(data.classes)


def split_from_rows(images: np.ndarray, labels: np.ndarray) -> Split:
    """A split from (examples, height, width, channels) uint8 rows and integer labels.

    The rows are not copied: seen as (examples, channels, height, width) they already are channels-last,
    the layout that convolutions run fastest on.
    """
    return Split(
        torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2),
        torch.from_numpy(np.asarray(labels, dtype=np.int64)),
    )
