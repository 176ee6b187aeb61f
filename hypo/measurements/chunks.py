"""Test images in parts, each of which is attacked in one go."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from hypo.datasets.images import Split
from hypo.measurements.pooled_search import parts

CHUNK = 2**24
"""How many pixel values are attacked in one go, and lost for one search at most where that is stopped: a hundred
images of ImageNet. What is at most twice as much, as the test images of CIFAR-10 are, is not worth being cut."""


@dataclass(frozen=True)
class Chunk:
    """Some test images.

    Attributes:
        name: what is known of them is kept under this.
        examples: (len(split),) int64, the index of each in the whole test set.
    """

    name: str
    split: Split
    examples: Tensor


def in_chunks(test: Split, examples: Tensor, batch: int) -> Iterator[Chunk]:
    """`test` in parts of at most `CHUNK` pixel values, of whole batches as far as there is room for one.

    Args:
        examples: (len(test),) int64, the index of each in the whole test set.
        batch: how many are attacked at once.
    """
    values = math.prod(test.images.shape[1:])
    if len(test) * values <= 2 * CHUNK:
        yield Chunk(f"examples-0-{len(test)}", test, examples)
        return
    room = max(1, CHUNK // values)
    everything = torch.arange(len(test), device=examples.device)
    for part in parts(len(test), room // batch * batch or room):
        chosen = everything[part]
        yield Chunk(f"examples-{part.start}-{part.start + len(chosen)}", test.select(chosen), examples[part])
