"""VGG-16 in the form usual for CIFAR: batch-norm after every convolution, and one linear layer."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from hypo.architectures.initialisation import Initialisation, he_initialised
from hypo.settings import checks
from hypo.settings.errors import InputError

_STAGES = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))
"""Of each stage its channels, in units of the width, and how many convolutions; then the image is halved."""


@dataclass(frozen=True)
class Vgg16:
    """Thirteen convolutions of 3×3 in five stages; what is left of the image is averaged.

    With width 64, three channels and ten classes it has 14,728,266 parameters. For the start of the weights see
    `he_initialised`.

    Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015),
    configuration D.

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
            InputError: when the images are smaller than 32×32: pooling would leave nothing of them.
        """
        before, height, width = shape
        if min(height, width) < 32:
            raise InputError(
                "arch: vgg16 halves images five times, so it takes images of at least 32x32 pixels,"
                f" got {height}x{width}; choose another arch or larger images"
            )
        layers: list[nn.Module] = []
        for factor, convolutions in _STAGES:
            after = factor * self.width
            for _ in range(convolutions):
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
                before = after
            layers.append(nn.MaxPool2d(2))
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes)]
        return he_initialised(nn.Sequential(*layers), self.initialisation)
