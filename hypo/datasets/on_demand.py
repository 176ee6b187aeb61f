"""Images that stay in their files: what a data set loads into that no memory holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class OnDemand:
    """Images that are decoded each time that they are asked for, and never kept.

    A whole number, a slice or a tensor of indices or bools gives the tensor that one of all images would give,
    channels-last in memory: as many images are in memory as are asked for at once.

    Attributes:
        files: a path for each image.
        of_one: (channels, height, width).
        decode: from a path to (height, width, channels) uint8; InputError, naming the file, where it is broken.
        device: where the tensors are; None for the CPU.
        maximum: what the 8-bit values are divided by, to be float32 in [0, 1]; None leaves them uint8.
    """

    files: tuple[str, ...]
    of_one: tuple[int, int, int]
    decode: Callable[[str], np.ndarray]
    device: torch.device | None = None
    maximum: int | None = None

    @property
    def shape(self) -> torch.Size:
        """(examples, channels, height, width)."""
        return torch.Size((len(self.files), *self.of_one))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, at: int | slice | Tensor) -> Tensor:
        if isinstance(at, int):
            return self[torch.tensor([at])][0]
        channels, height, width = self.of_one
        files = self.files[at] if isinstance(at, slice) else self.select(at).files
        rows = np.empty((len(files), height, width, channels), np.uint8)

        def decode(index: int) -> None:
            rows[index] = self.decode(files[index])

        # One thread a core: more of them only wait for Python's lock.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(decode, range(len(files))):
                pass
        images = torch.from_numpy(rows).permute(0, 3, 1, 2)
        images = images if self.device is None else images.to(self.device)
        return images if self.maximum is None else images.float() / self.maximum

    def select(self, indices: Tensor) -> OnDemand:
        """The images at `indices` (int64, or a bool for each image), still in their files."""
        whole = indices.nonzero().squeeze(1) if indices.dtype == torch.bool else indices
        return replace(self, files=tuple(self.files[index] for index in whole.tolist()))

    def to(self, device: torch.device) -> OnDemand:
        """The same images, to be decoded for another device."""
        return replace(self, device=device)

    def in_units_of(self, maximum: int) -> OnDemand:
        """The same images as float32 in [0, 1]."""
        return replace(self, maximum=maximum)
