"""What is not linear in a network: ReLU and max pooling, between two linear functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hypo.certificates import rounding
from hypo.certificates.affine import Shape
from hypo.certificates.window import Pair, Window


@dataclass(frozen=True)
class PieceRelaxation:
    """Σ_k lower_k·x_k <= y <= Σ_k upper_k·x_k + constant, for every y that is a maximum of some x_k.

    Attributes:
        lower, upper: (batch, channels·places, height, width), the slope of each of the places that y is taken
        over. constant: (batch, channels, height, width), >= 0 where y is at least 0.
    """

    lower: Tensor
    upper: Tensor
    constant: Tensor


@dataclass(frozen=True)
class Maximum:
    """y, the largest of the values in a part of the plane, and at least 0 if `rectified`.

    A ReLU is one of single values, a max pooling is one that is not rectified, and both together are one step,
    which is tighter than two.
    """

    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    rectified: bool = True

    def shape(self, before: Shape) -> Shape:
        """What comes out, for what goes in."""
        height, width = (
            (side + 2 * border - extent) // step + 1
            for side, border, extent, step in zip(before[1:], self.padding, self.kernel, self.stride, strict=True)
        )
        return before[0], height, width

    def interval(self, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        """What bounds of what goes in say of what comes out; without any rounding."""
        ends = [F.max_pool2d(end, self.kernel, self.stride, self.padding) for end in (lower, upper)]
        low, high = (end.clamp_min(0) for end in ends) if self.rectified else ends
        return low, high

    def relaxation(self, lower: Tensor, upper: Tensor) -> PieceRelaxation:
        """Linear bounds that hold wherever what goes in lies between `lower` and `upper`.

        From above, the value whose upper bound is largest may be the maximum, and all others stay below the second
        largest upper bound s: y is at most max(x, s), which on [l, u] lies under the chord from (l, s) to (u, u),
        and is x itself where l >= s. From below, y is at least any x_k, here that with the largest lower bound,
        and at least 0 where it is rectified; of these the one that leaves less room (Zhang et al. 2018,
        CROWN-Ada).
        """
        low, high = self._places(lower), self._places(upper)
        batch, channels, places = low.shape[:3]
        top, at = high.max(2, keepdim=True)
        others = high.scatter(2, at, -torch.inf)
        second = others.amax(2, keepdim=True)
        second = second.clamp_min(0) if self.rectified else second
        bottom = low.gather(2, at)
        is_top, is_others, rises = bottom >= second, top <= second, top - bottom
        slope = (top - second) / torch.where(rises > 0, rises, 1.0)
        slope = torch.where(is_top, 1.0, torch.where(is_others, 0.0, slope.clamp(0, 1)))
        constant = torch.where(is_top, 0.0, second - slope * bottom)
        # What rounding did to slope and constant, and what it will to the sum of all constants.
        off = rounding.share(2, math.prod(constant.shape[1:])) * (bottom.abs() + top.abs() + second.abs())
        constant = constant + torch.where(is_top, 0.0, off)
        least, where = low.max(2, keepdim=True)
        below = (high.gather(2, where) > -least).to(low.dtype) if self.rectified else torch.ones_like(least)
        flat = (batch, channels * places, *low.shape[3:])
        return PieceRelaxation(
            torch.zeros_like(low).scatter(2, where, below).view(flat),
            torch.zeros_like(low).scatter(2, at, slope).view(flat),
            constant.squeeze(2),
        )

    def back(
        self, of: Tensor, window: Window, relaxation: PieceRelaxation, before: Shape
    ) -> tuple[Tensor, Tensor, Window]:
        """Coefficients of a lower bound in y as those of one in what goes in; see `Affine.back`."""
        positive, negative = of.clamp_min(0), of.clamp_max(0)
        constant = window.gather(relaxation.constant)
        beside = (negative.flatten(3) @ constant.flatten(2)[..., None]).squeeze(-1)
        shape = (constant.shape[0], constant.shape[1], 1, constant.shape[2], -1, *window.size)
        lower, upper = (window.gather(each).view(shape) for each in (relaxation.lower, relaxation.upper))
        spread = positive.unsqueeze(4) * lower + negative.unsqueeze(4) * upper
        if self.kernel == (1, 1) == self.stride and self.padding == (0, 0):
            return spread.squeeze(4), beside, window
        wide = window.before(self.kernel, self.stride, self.padding)
        batch, positions, rows = spread.shape[:3]
        columns = spread.reshape(batch * positions * rows, before[0] * math.prod(self.kernel), -1)
        found = F.fold(columns, wide.size, self.kernel, stride=self.stride)
        window, (there, across) = wide.cut(before[1:])
        return found.view(batch, positions, rows, before[0], *wide.size)[..., there, across], beside, window

    def before(self, window: Window, shape: Shape) -> Window:
        """The window that `back` returns, on the plane of what goes in, which has `shape`."""
        return window.before(self.kernel, self.stride, self.padding).cut(shape[1:])[0]

    def _places(self, values: Tensor) -> Tensor:
        """(batch, channels, places, height, width): what each maximum is taken over, −∞ in the padding."""
        (rows, columns) = self.padding
        padded = F.pad(values, (columns, columns, rows, rows), value=-torch.inf)
        height, width = self.shape(tuple(values.shape[1:]))[1:]  # type: ignore[arg-type]
        seen = F.unfold(padded, self.kernel, stride=self.stride)
        return seen.view(len(values), values.shape[1], -1, height, width)
