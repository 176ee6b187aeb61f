"""Which test sets are attacked in parts, and that every image is in one of them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from hypo.datasets.images import Split
from hypo.measurements.chunks import in_chunks


@pytest.mark.parametrize(
    ("count", "shape", "batch", "number"),
    [
        (1000, (3, 224, 224), 50, 10),
        (1000, (3, 224, 224), 32, 11),
        (1000, (3, 224, 224), 500, 10),
        (50, (3, 224, 224), 50, 1),
        (10_000, (3, 64, 64), 500, 10),
        (360, (1, 8, 8), 500, 1),
        (10_000, (1, 28, 28), 500, 1),
        (10_000, (3, 32, 32), 500, 1),
        (26_032, (3, 32, 32), 500, 6),
    ],
)
def test_large_test_sets_are_cut_and_those_of_mnist_and_cifar_are_not(
    count: int, shape: tuple[int, int, int], batch: int, number: int
) -> None:
    @dataclass(frozen=True)
    class Somewhere:
        """Images that take no memory."""

        of: Tensor

        @property
        def shape(self) -> tuple[int, ...]:
            return (len(self.of), *shape)

        def __getitem__(self, at: Tensor) -> Somewhere:
            return Somewhere(self.of[at])

    everything = torch.arange(count)
    split = Split(Somewhere(everything), everything)  # type: ignore[arg-type]
    cut = list(in_chunks(split, everything + 7, batch))
    assert len(cut) == number
    assert torch.equal(torch.cat([chunk.split.labels for chunk in cut]), everything)
    assert torch.equal(torch.cat([chunk.examples - 7 for chunk in cut]), everything)
    assert len({chunk.name for chunk in cut}) == number
    if batch < count // number:
        assert all(len(chunk.split) % batch == 0 for chunk in cut[:-1])
