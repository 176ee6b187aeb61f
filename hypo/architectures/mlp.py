"""A multilayer perceptron: the smallest network that overfits the digits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from hypo import checks


@dataclass(frozen=True)
class Mlp:
    """Fully connected layers with a ReLU after each but the last; takes images of any shape.

    Attributes:
        hidden: the widths of the hidden layers, each ≥ 1; none at all makes a linear classifier.
    """

    hidden: tuple[int, ...] = (128, 128)

    def __post_init__(self) -> None:
        hidden = tuple(checks.integer("arch.hidden", width, at_least=1) for width in self.hidden)
        object.__setattr__(self, "hidden", hidden)

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network for images of `shape` (channels, height, width)."""
        layers: list[nn.Module] = [nn.Flatten()]
        widths = (math.prod(shape), *self.hidden)
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(widths[-1], classes))
