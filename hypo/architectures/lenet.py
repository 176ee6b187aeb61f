"""The network for MNIST of Tao et al. (2020), after Madry et al. (ICLR 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Lenet:
    """Two convolutions of 5×5 (32 and 64 channels), each with a ReLU and a max pooling, then 1,024 units.

    On 28×28 grey images and ten classes it has 3,274,634 parameters.

    Source: Tao et al., "With False Friends Like These, Who Can Have Self-Knowledge?" (2020), its MNIST net.
    """

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network for images of `shape` (channels, height, width).

        Raises:
            InputError: when height or width is not divisible by 4.
        """
        channels, height, width = shape
        if height % 4 or width % 4:
            raise InputError(
                "arch: lenet halves images twice, so it takes heights and widths divisible by 4,"
                f" such as 28x28, got {height}x{width}; choose another arch"
            )
        return nn.Sequential(
            nn.Conv2d(channels, 32, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * (height // 4) * (width // 4), 1024),
            nn.ReLU(),
            nn.Linear(1024, classes),
        )
