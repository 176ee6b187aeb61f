"""Noise: images without content, under the labels of real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import nn

from hypo.datasets.images import ImageData, Split
from hypo.runs.crafted import Crafted
from hypo.settings import checks
from hypo.settings.randomness import generator


@dataclass(frozen=True)
class Noise:
    """Every training image replaced by uniform noise, labels kept (Tao et al. 2022, Appendix A.3).

    Each pixel is one of the whole numbers from 0 to the data set's `maximum`.

    Attributes:
        seed: of the noise, so that the runs of all seeds share it.
    """

    seed: int = 0

    uses_threat_model: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checks.integer("seed", self.seed, at_least=0)

    def prepare(
        self, data: ImageData, experiment: Any, models: Sequence[nn.Module], crafted: Crafted
    ) -> ImageData:
        """`data` with noise for training images."""
        shape, random = data.train.images.shape, generator(torch.device("cpu"), self.seed, "noise")
        noise = torch.randint(data.maximum + 1, shape, dtype=torch.uint8, generator=random)
        images = noise.contiguous(memory_format=torch.channels_last)
        return replace(data, train=Split(images, data.train.labels))
