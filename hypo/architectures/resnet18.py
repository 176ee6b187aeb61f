"""ResNet-18 in the form usual for CIFAR: a 3×3 stem that keeps the image's size, and no pooling after it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn

from hypo.architectures.initialisation import Initialisation, he_initialised
from hypo.settings import checks
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Resnet18:
    """Four stages of two residual blocks; each stage but the first halves the image and doubles the channels.

    With width 64, three channels and ten classes it has 11,173,962 parameters. For the start of the weights see
    `he_initialised`.

    Source: He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016), with the stem of its §4.2.

    Attributes:
        width: the channels of the first stage, ≥ 1.
        initialisation: of the weights, see `he_initialised`.
    """

    width: int = 64
    initialisation: Initialisation = field(default="torchvision", metadata={"implied": "torchvision"})

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", checks.integer("width", self.width, at_least=1))

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network for images of `shape` (channels, height, width).

        Raises:
            InputError: when the images are smaller than 8×8: the last stages would see padding only.
        """
        channels, height, width = shape
        if min(height, width) < 8:
            raise InputError(
                "arch: resnet18 halves images three times, so it takes images of at least 8x8 pixels,"
                f" got {height}x{width}; choose another arch or larger images"
            )
        stages = [self.width * factor for factor in (1, 2, 4, 8)]
        network = nn.Sequential(
            _convolution(channels, self.width),
            nn.BatchNorm2d(self.width),
            nn.ReLU(inplace=True),
            *(_stage(before, after) for before, after in zip([self.width, *stages], stages, strict=False)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(stages[-1], classes),
        )
        return he_initialised(network, self.initialisation)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut.

    From (batch, before, height, width) to (batch, after, height / stride, width / stride), rounded up.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _convolution(before, after, stride),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            _convolution(after, after),
            nn.BatchNorm2d(after),
        )
        self.stride = stride
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, features: Tensor) -> Tensor:
        """The block's features, ≥ 0."""
        # The projection with a stride would be the same, but on a CPU, with fewer than 16 channels, its gradient
        # is wrong or the process aborts (oneDNN issue 6035).
        kept = features if self.stride == 1 else features[:, :, :: self.stride, :: self.stride]
        return F.relu(self.residual(features).add_(self.shortcut(kept)), inplace=True)


def _stage(before: int, after: int) -> nn.Module:
    stride = 1 if before == after else 2
    return nn.Sequential(BasicBlock(before, after, stride), BasicBlock(after, after, 1))


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
