"""A wide residual network: normalisation and ReLU before each convolution, few layers, many channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from hypo.architectures.initialisation import Initialisation, he_initialised
from hypo.settings import checks
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class WideResnet:
    """Three stages of (depth − 4) / 6 blocks with 16, 32 and 64 times `width` channels, without dropout.

    WRN-28-10 has 36,479,194 parameters on three channels and ten classes. For the start of the weights see
    `he_initialised`.

    Source: Zagoruyko and Komodakis, "Wide Residual Networks" (BMVC 2016).

    Attributes:
        depth: how many layers: 10, 16, 22, 28, ….
        width: the widening factor, ≥ 1.
        initialisation: of the weights, see `he_initialised`; by fan_in in the code of Tao et al. 2022.
    """

    depth: int = 28
    width: int = 10
    initialisation: Initialisation = field(default="torchvision", metadata={"implied": "torchvision"})

    def __post_init__(self) -> None:
        depth = checks.integer("depth", self.depth, at_least=10)
        if (depth - 4) % 6:
            raise InputError(f"depth: takes 6n + 4, such as 10, 16 or 28, got {depth}")
        object.__setattr__(self, "depth", depth)
        object.__setattr__(self, "width", checks.integer("width", self.width, at_least=1))

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network for images of `shape` (channels, height, width).

        Raises:
            InputError: when the images are smaller than 4×4: the last stage would see padding only.
        """
        channels, height, width = shape
        if min(height, width) < 4:
            raise InputError(
                "arch: wide_resnet halves images twice, so it takes images of at least 4x4 pixels,"
                f" got {height}x{width}; choose another arch or larger images"
            )
        before = 16
        layers: list[nn.Module] = [_convolution(channels, before)]
        for stage, factor in enumerate((16, 32, 64)):
            after = factor * self.width
            for block in range((self.depth - 4) // 6):
                layers.append(PreActivationBlock(before, after, stride=2 if stage and not block else 1))
                before = after
        layers += [
            nn.BatchNorm2d(before),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(before, classes),
        ]
        fan: Literal["fan_in", "fan_out"] = "fan_in" if self.initialisation == "authors_code" else "fan_out"
        return he_initialised(nn.Sequential(*layers), self.initialisation, fan)


class PreActivationBlock(nn.Module):
    """Two 3×3 convolutions, each after batch-norm and ReLU, beside a shortcut.

    From (batch, before, height, width) to (batch, after, height / stride, width / stride), rounded up.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(before)
        self.residual = nn.Sequential(
            _convolution(before, after, stride),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            _convolution(after, after),
        )
        self.shortcut = None if before == after else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """The block's features."""
        activated = F.relu(self.normalise(features), inplace=True)
        # Where the number of channels changes, the shortcut too begins behind the first ReLU.
        beside = features if self.shortcut is None else self.shortcut(activated)
        return self.residual(activated).add_(beside)


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
