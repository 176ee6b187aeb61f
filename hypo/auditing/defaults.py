"""What an audit does where nothing else is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

EVALUATION = "strongest"
"""How flags are decided."""

MEASUREMENTS = ("probing", "classes", "masking", "pictures", "radius")
"""What is found out beside the risks, in turn."""

AT_ONCE = 2**22
"""Pixel values in a batch: 27 images of ImageNet, whose gradients take 3 GB of a ResNet-50."""


def batch(shape: Sequence[int], at_most: int) -> int:
    """How many images of `shape` (channels, height, width), so that the gradients of a large network find room."""
    return max(1, min(at_most, AT_ONCE // math.prod(shape)))
