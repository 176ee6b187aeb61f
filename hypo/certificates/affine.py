"""The affine layers of a network: what they do to values, and to the coefficients of what follows them.

Values are (batch, channels, height, width), with 1×1 planes for what has no place. Coefficients are (batch,
positions, rows, channels, height, width) for the part of a plane that a `Window` shows, with 1 for the batch or
the positions where all of them have the same; what they are in the padding has no meaning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn import functional as F

from hypo.certificates.window import Pair, Window

Shape = tuple[int, int, int]
"""Channels, height and width."""


class Affine(Protocol):
    """A layer that is linear but for a constant."""

    def shape(self, before: Shape) -> Shape:
        """What comes out, for what goes in."""
        ...

    def terms(self) -> int:
        """How many numbers are summed up to one, there or on the way back, if not one."""
        ...

    def forward(self, values: Tensor) -> Tensor:
        """What the layer makes of `values`."""
        ...

    def size(self, values: Tensor) -> Tensor:
        """The same with the size of every weight and of every constant, of values >= 0."""
        ...

    def back(self, of: Tensor, window: Window, before: Shape) -> tuple[Tensor, Tensor, Window]:
        """Coefficients `of` what comes out as those of what goes in, the constant beside them, and their window.

        Args:
            before: of what goes in.
        """
        ...

    def cost(self, window: Window, before: Shape) -> tuple[int, Window]:
        """How many multiplications `back` takes for one row of all positions, and the window that it returns."""
        ...


@dataclass(frozen=True)
class Scale:
    """Each channel times a number and plus another, both (channels,): a normalisation."""

    factor: Tensor
    constant: Tensor

    def shape(self, before: Shape) -> Shape:
        """As it goes in."""
        return before

    def terms(self) -> int:
        """Two."""
        return 2

    def forward(self, values: Tensor) -> Tensor:
        """See `Affine`."""
        return values * self.factor.view(-1, 1, 1) + self.constant.view(-1, 1, 1)

    def size(self, values: Tensor) -> Tensor:
        """See `Affine`."""
        return Scale(self.factor.abs(), self.constant.abs()).forward(values)

    def back(self, of: Tensor, window: Window, before: Shape) -> tuple[Tensor, Tensor, Window]:
        """See `Affine`."""
        constant = of * self.constant.view(-1, 1, 1)
        mask = window.mask(before[1:], of)
        constant = constant if mask is None else constant * mask
        return of * self.factor.view(-1, 1, 1), constant.flatten(3).sum(3), window

    def cost(self, window: Window, before: Shape) -> tuple[int, Window]:
        """See `Affine`."""
        return window.count * math.prod(window.size) * before[0], window


@dataclass(frozen=True)
class Flattening:
    """Channels, rows and columns in a row."""

    def shape(self, before: Shape) -> Shape:
        """As many channels as there are values."""
        return math.prod(before), 1, 1

    def terms(self) -> int:
        """None are summed."""
        return 0

    def forward(self, values: Tensor) -> Tensor:
        """See `Affine`."""
        return values.flatten(1)[..., None, None]

    def size(self, values: Tensor) -> Tensor:
        """See `Affine`."""
        return self.forward(values)

    def back(self, of: Tensor, window: Window, before: Shape) -> tuple[Tensor, Tensor, Window]:
        """See `Affine`."""
        return of.reshape(*of.shape[:3], *before), of.new_zeros(1, 1, 1), Window.whole(before[1:])

    def cost(self, window: Window, before: Shape) -> tuple[int, Window]:
        """See `Affine`."""
        return 0, Window.whole(before[1:])


@dataclass(frozen=True)
class Dense:
    """All of what goes in, which is on a 1×1 plane, with `weight` (after, before) and `bias` (after,)."""

    weight: Tensor
    bias: Tensor

    def shape(self, before: Shape) -> Shape:
        """A channel for each unit."""
        return self.weight.shape[0], 1, 1

    def terms(self) -> int:
        """The larger side of the weight."""
        return max(self.weight.shape)

    def forward(self, values: Tensor) -> Tensor:
        """See `Affine`."""
        return F.linear(values.flatten(1), self.weight, self.bias)[..., None, None]

    def size(self, values: Tensor) -> Tensor:
        """See `Affine`."""
        return Dense(self.weight.abs(), self.bias.abs()).forward(values)

    def back(self, of: Tensor, window: Window, before: Shape) -> tuple[Tensor, Tensor, Window]:
        """See `Affine`."""
        rows = of.flatten(3)
        return (rows @ self.weight)[..., None, None], rows @ self.bias, window

    def cost(self, window: Window, before: Shape) -> tuple[int, Window]:
        """See `Affine`."""
        return self.weight.numel(), window


@dataclass(frozen=True)
class Convolution:
    """`weight` (after, before / groups, *kernel) slid over what goes in, zeros around it, and `bias` (after,)."""

    weight: Tensor
    bias: Tensor
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def shape(self, before: Shape) -> Shape:
        """See `Affine`."""
        height, width = (
            (side + 2 * border - extent) // step + 1
            for side, border, extent, step in zip(before[1:], self.padding, self._extent, self.stride, strict=True)
        )
        return self.weight.shape[0], height, width

    def terms(self) -> int:
        """How many weights one output has, or one input."""
        return math.prod(self.weight.shape[2:]) * max(self.weight.shape[0] // self.groups, self.weight.shape[1])

    def forward(self, values: Tensor) -> Tensor:
        """See `Affine`."""
        return F.conv2d(
            values, self.weight, self.bias, self.stride, self.padding, self.dilation, groups=self.groups
        )

    def size(self, values: Tensor) -> Tensor:
        """See `Affine`."""
        settings = (self.stride, self.padding, self.dilation, self.groups)
        return Convolution(self.weight.abs(), self.bias.abs(), *settings).forward(values)

    def back(self, of: Tensor, window: Window, before: Shape) -> tuple[Tensor, Tensor, Window]:
        """See `Affine`."""
        mask = window.mask(self.shape(before)[1:], of)
        of = of if mask is None else of * mask
        constant = of.flatten(4).sum(4) @ self.bias
        all_of_it = self._before(window)
        wide = self._spread(of.flatten(0, 2), all_of_it.size)
        window, (rows, columns) = all_of_it.cut(before[1:])
        found = wide.view(*of.shape[:3], *wide.shape[1:])
        return found[..., rows, columns], constant, window

    def _spread(self, of: Tensor, size: Pair) -> Tensor:
        """(count, after, height, width) coefficients onto planes of `size`."""
        kernel = self.weight.shape[2:]
        if self.weight.shape[1] == self.groups == 1:  # in a third of the time on a CPU
            columns = self.weight.flatten(1).T @ of.flatten(2)
            return F.fold(columns, size, kernel, dilation=self.dilation, stride=self.stride)
        return F.conv_transpose2d(of, self.weight, stride=self.stride, dilation=self.dilation, groups=self.groups)

    def cost(self, window: Window, before: Shape) -> tuple[int, Window]:
        """See `Affine`."""
        each = self.weight.numel() * math.prod(window.size)
        return window.count * each, self._before(window).cut(before[1:])[0]

    def _before(self, window: Window) -> Window:
        return window.before(self._extent, self.stride, self.padding)

    @property
    def _extent(self) -> Pair:
        height, width = (
            step * (side - 1) + 1 for step, side in zip(self.dilation, self.weight.shape[2:], strict=True)
        )
        return height, width
