"""Normalisation as the model's first layer, so that every attack works on images in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Architecture(Protocol):
    """What an architecture's frozen dataclass offers.

    A class variable `one_std = True` asks for one std for all channels, its field `input_std`, or where that is
    None the mean of the data set's; `lipschitz = True` says that no logit changes by more than its normalised
    input, in ℓ∞, so that risks can be certified.

    One that begins with other models has the methods `prerequisites` and `given` of a `Defense`, but gets them on
    the CPU. One that is there already has a method `load(model)`, which puts the weights into `Normalised` with
    what `build` made; it is measured and never trained. One that is so at some settings only says it by a property
    `is_loaded`. Of one with a method `probe(model, images, labels, classes)` it is asked before anything starts
    what is wrong with the model; where `is_rebuilt_from_path`, a run's weights alone are not its model.
    """

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """A freshly initialised network from (batch, *shape) normalised images to (batch, classes) logits.

        Raises InputError, naming `arch`, when it cannot take images of `shape` (channels, height, width).
        """
        ...


def is_loaded(arch: Any) -> bool:
    """Whether an architecture is there already, so that it is measured and never trained."""
    return getattr(arch, "is_loaded", hasattr(arch, "load"))


class Normalised(nn.Module):
    """`network` on (images − mean) / std; images: (batch, channels, height, width) in [0, 1]."""

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (batch, classes)."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        return self.network((images - mean) / std)
