"""Which part of a plane one unit sees: coefficients are kept for that part alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Pair = tuple[int, int]
"""Of rows and of columns."""


@dataclass(frozen=True)
class Window:
    """The part of a plane that each of several positions sees; it may reach into the padding.

    Attributes:
        size: of the part.
        origin: where the part of the first position begins.
        stride: from one position's part to the next one's.
        positions: how many positions there are.
    """

    size: Pair
    origin: Pair
    stride: Pair
    positions: Pair

    @classmethod
    def single(cls, plane: Pair) -> Window:
        """Every place of `plane` is a position, and sees itself."""
        return cls((1, 1), (0, 0), (1, 1), plane)

    @classmethod
    def whole(cls, plane: Pair) -> Window:
        """One position that sees all of `plane`."""
        return cls(plane, (0, 0), (1, 1), (1, 1))

    @property
    def count(self) -> int:
        """How many positions there are."""
        return self.positions[0] * self.positions[1]

    def before(self, kernel: Pair, stride: Pair, padding: Pair) -> Window:
        """What the same positions see of the plane that a convolution or a pooling slid over."""
        sides = (
            ((size - 1) * step + extent, origin * step - border, between * step)
            for size, origin, between, extent, step, border in zip(
                self.size, self.origin, self.stride, kernel, stride, padding, strict=True
            )
        )
        size, origin, between = zip(*sides, strict=True)
        return Window(size, origin, between, self.positions)

    def cut(self, plane: Pair) -> tuple[Window, tuple[slice, slice]]:
        """What of it lies in `plane`, and where in it that is; of several positions nothing is cut off."""
        if self.count > 1:
            return self, (slice(None), slice(None))
        first = [max(0, -begin) for begin in self.origin]
        last = [min(size, side - begin) for size, side, begin in zip(self.size, plane, self.origin, strict=True)]
        rows, columns = (slice(begin, end) for begin, end in zip(first, last, strict=True))
        size = (last[0] - first[0], last[1] - first[1])
        origin = (self.origin[0] + first[0], self.origin[1] + first[1])
        return replace(self, size=size, origin=origin), (rows, columns)

    def gather(self, values: Tensor) -> Tensor:
        """(batch, channels, height, width) to (batch, positions, channels, *size); 0 in the padding."""
        if self == self.whole(values.shape[2:]):  # type: ignore[arg-type]
            return values[:, None]
        batch, channels, *plane = values.shape
        rows, columns = (torch.tensor(at, device=values.device) for at in self._places())
        inside = self._inside(rows, plane[0])[:, None, :, None] & self._inside(columns, plane[1])[:, None]
        found = values[:, :, rows.clamp(0, plane[0] - 1).flatten()][..., columns.clamp(0, plane[1] - 1).flatten()]
        found = found.view(batch, channels, len(rows), self.size[0], len(columns), self.size[1])
        found = found.permute(0, 2, 4, 1, 3, 5) * inside[None, :, :, None]
        return found.reshape(batch, self.count, channels, *self.size)

    def mask(self, plane: Pair, like: Tensor) -> Tensor | None:
        """(1, positions, 1, 1, *size), 1 in `plane` and 0 in the padding; None where nothing is padding."""
        (first, last), (left, right) = ((min(map(min, at)), max(map(max, at))) for at in self._places())
        if min(first, left) >= 0 and last < plane[0] and right < plane[1]:
            return None
        return self.gather(like.new_ones(1, 1, *plane))[:, :, None]

    def _places(self) -> Iterator[list[list[int]]]:
        """Of rows and of columns: by position, which ones it sees."""
        for size, origin, stride, positions in zip(
            self.size, self.origin, self.stride, self.positions, strict=True
        ):
            yield [list(range(origin + at * stride, origin + at * stride + size)) for at in range(positions)]

    @staticmethod
    def _inside(places: Tensor, side: int) -> Tensor:
        return (places >= 0) & (places < side)
