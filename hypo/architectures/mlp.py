"""A multilayer perceptron: the smallest network that overfits the digits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import nn

from hypo.settings import checks


@dataclass(frozen=True)
class Mlp:
    """Fully connected layers; takes images of any shape.

    On CIFAR-10 the paper of Tao et al. (2022) has two hidden layers of 3,072 with ReLU, 18,914,314 parameters;
    their code three of them with a ReLU after the first only, 28,354,570 parameters.

    Attributes:
        hidden: the widths of the hidden layers, each ≥ 1; none at all makes a linear classifier.
        relu: after which of the hidden layers there is a ReLU, "every" or the "first" alone.
    """

    hidden: tuple[int, ...] = (128, 128)
    relu: Literal["every", "first"] = "every"

    def __post_init__(self) -> None:
        hidden = tuple(checks.integer("hidden", width, at_least=1) for width in self.hidden)
        object.__setattr__(self, "hidden", hidden)
        checks.choice("relu", self.relu, ("every", "first"))

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network for images of `shape` (channels, height, width)."""
        layers: list[nn.Module] = [nn.Flatten()]
        widths = (math.prod(shape), *self.hidden)
        for number, (before, after) in enumerate(pairwise(widths)):
            layers.append(nn.Linear(before, after))
            if self.relu == "every" or number == 0:
                layers.append(nn.ReLU())
        return nn.Sequential(*layers, nn.Linear(widths[-1], classes))
