"""A small convolutional network, for trying things out on a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from hypo.settings import checks
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class SmallCnn:
    """Convolutions of 3×3, each followed by a ReLU and a max pooling of 2×2; then one hidden layer.

    Attributes:
        channels: of each convolution, each ≥ 1.
        hidden: the width of the fully connected layer, ≥ 1.
    """

    channels: tuple[int, ...] = (16, 32)
    hidden: int = 64

    def __post_init__(self) -> None:
        channels = tuple(checks.integer("channels", width, at_least=1) for width in self.channels)
        object.__setattr__(self, "channels", channels)
        object.__setattr__(self, "hidden", checks.integer("hidden", self.hidden, at_least=1))

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network for images of `shape` (channels, height, width).

        Raises:
            InputError: when the images are so small that pooling leaves nothing of them.
        """
        channels, height, width = shape
        shrinkage = 2 ** len(self.channels)
        if min(height, width) < shrinkage:
            raise InputError(
                f"arch: small_cnn with {len(self.channels)} convolutions takes images of at least"
                f" {shrinkage}x{shrinkage} pixels, got {height}x{width}; give arch.channels fewer entries"
            )
        layers: list[nn.Module] = []
        for before, after in pairwise((channels, *self.channels)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        features = (channels, *self.channels)[-1] * (height // shrinkage) * (width // shrinkage)
        return nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(features, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, classes),
        )
