"""The network for MNIST of Tao et al. (2020), after Madry et al. (ICLR 2018)."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from hypo.settings import checks
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Lenet:
    """Two convolutions of 5×5 (2w and 4w channels), each with a ReLU and a max pooling, then 64w units.

    On 28×28 grey images and ten classes it has 3,274,634 parameters at w = 16, 32 and 64 channels and 1,024 units.

    Source: Tao et al., "With False Friends Like These, Who Can Have Self-Knowledge?" (2020), its MNIST net. The
    narrower ones begin at the 2 and 4 channels of the capacity experiment of Madry et al. (ICLR 2018, Section 4).

    Attributes:
        width: w >= 1, the capacity; 16 is that net.
    """

    width: int = field(default=16, metadata={"implied": 16})

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", checks.integer("width", self.width, at_least=1))

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
            nn.Conv2d(channels, 2 * self.width, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(2 * self.width, 4 * self.width, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * self.width * (height // 4) * (width // 4), 64 * self.width),
            nn.ReLU(),
            nn.Linear(64 * self.width, classes),
        )
