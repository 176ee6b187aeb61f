"""Mislabeled data: real images under labels drawn at random."""

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
class Mislabeling:
    """Every training label replaced by a uniformly random one (Tao et al. 2022, Appendix A.3).

    One in C labels stays right by chance, where C is the number of classes.

    Attributes:
        seed: of the labels, so that the runs of all seeds share them.
    """

    seed: int = 0

    uses_threat_model: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checks.integer("seed", self.seed, at_least=0)

    def prepare(
        self, data: ImageData, experiment: Any, models: Sequence[nn.Module], crafted: Crafted
    ) -> ImageData:
        """`data` with random training labels."""
        random = generator(torch.device("cpu"), self.seed, "mislabeling")
        labels = torch.randint(len(data.classes), data.train.labels.shape, generator=random)
        return replace(data, train=Split(data.train.images, labels))
