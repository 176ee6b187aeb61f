"""What `benchmarks.training` trains: networks, data and recipes, as large as the device can take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from hypo.architectures.lenet import Lenet
from hypo.architectures.mlp import Mlp
from hypo.architectures.normalised import Architecture
from hypo.architectures.resnet18 import Resnet18
from hypo.architectures.small_cnn import SmallCnn
from hypo.architectures.wide_resnet import WideResnet
from hypo.datasets.digits import Digits
from hypo.datasets.images import ImageData, split_from_rows
from hypo.training.recipe import Recipe

_SMALL = Recipe(epochs=1, batch=60, optimizer="adam", learning_rate=0.002)
_MNIST = Recipe(epochs=1, batch=128, optimizer="adam", learning_rate=0.001)
_PHOTOGRAPHS = Recipe(
    epochs=1, batch=128, optimizer="sgd", learning_rate=0.1, weight_decay=5e-4, crop_padding=4, flip=True
)


@dataclass(frozen=True)
class Setting:
    """What is trained, and how many steps of it are timed at once."""

    name: str
    data: ImageData
    arch: Architecture
    recipe: Recipe
    epsilon: float
    steps: int


def made(images: int, side: int, channels: int, classes: int = 10) -> ImageData:
    """Random images, of which a step takes as long as of any others."""
    random = np.random.RandomState(0)
    rows = random.randint(0, 256, (images, side, side, channels), dtype=np.uint8)
    split = split_from_rows(rows, random.randint(classes, size=images))
    return ImageData(
        split, split, tuple(map(str, range(classes))), 255, mean=(0.5,) * channels, std=(0.25,) * channels
    )


def settings(folder: ImageData | None, quick: bool, device: torch.device) -> Iterator[Setting]:
    """The digits, images like those of MNIST, and the images of the folder, or made ones of CIFAR-10's size.

    On a CPU the larger networks take few images a step: what one image takes hardly depends on how many there are.
    """
    digits = Digits().load()
    yield Setting("digits, mlp", digits, Mlp(), _SMALL, 0.1, 2 if quick else 50)
    if quick:
        if folder is not None:
            yield Setting("image folder, resnet18 of width 4", folder, Resnet18(4), _PHOTOGRAPHS, 8 / 255, 1)
        return
    yield Setting("digits, small_cnn", digits, SmallCnn(), _SMALL, 0.1, 20)
    yield Setting("made images of 28x28, lenet", made(1024, 28, 1), Lenet(), _MNIST, 0.3, 1)
    data, which = (made(1024, 32, 3), "made images of 32x32") if folder is None else (folder, "image folder")
    on_cpu = device.type == "cpu"
    few = replace(_PHOTOGRAPHS, batch=16) if on_cpu else _PHOTOGRAPHS
    steps = 1 if on_cpu else 20
    wide = WideResnet(16, 4) if on_cpu else WideResnet(28, 10)
    yield Setting(f"{which}, resnet18 of width 16", data, Resnet18(16), _PHOTOGRAPHS, 8 / 255, steps)
    yield Setting(f"{which}, resnet18 of width 64", data, Resnet18(64), few, 8 / 255, steps)
    yield Setting(f"{which}, wide_resnet {wide.depth}-{wide.width}", data, wide, few, 8 / 255, steps)
    if not on_cpu:
        half = replace(_PHOTOGRAPHS, precision="bfloat16")
        name = f"{which}, resnet18 of width 64, ours in bfloat16"
        yield Setting(name, data, Resnet18(64), half, 8 / 255, steps)
