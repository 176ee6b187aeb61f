"""What a network has made of an image before its last layer: its representation g(x)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypo.architectures.linf_dist_net import LinfDistLayer
from hypo.architectures.normalised import Architecture
from hypo.settings.errors import InputError


class Representation(nn.Module):
    """g, from (batch, channels, height, width) images in [0, 1] to (batch, features), the last layer's input.

    The last layer is the linear one that the logits come from, or of an ℓ∞-dist net its last distances; "the
    penultimate layer" of Ilyas et al. (2019) is what it is given, behind any ReLU.

    Args:
        model: from images to logits. It is called and never changed.

    Raises:
        InputError: when there is no such layer, or nothing before it that was learnt.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._last = [last_layer(model)]  # in a list, so that it stays a part of the model alone

    def forward(self, images: Tensor) -> Tensor:
        """g(x), (batch, features)."""
        seen: list[Tensor] = []
        handle = self._last[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            self.model(images)
        finally:
            handle.remove()
        return seen[-1].flatten(1)


def last_layer(model: nn.Module) -> nn.Module:
    """The linear layer, or the layer of distances, that a network's logits come from.

    Raises:
        InputError: when the network ends in another one, or has learnt nothing before it: what the layer is given
            would be the image itself.
    """
    learnt = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
    if not learnt or not isinstance(learnt[-1], (nn.Linear, LinfDistLayer)):
        raise InputError("arch: takes one that ends in a linear layer, whose input is its penultimate layer")
    if len(learnt) == 1:
        raise InputError("arch: takes one with a penultimate layer, got a single layer on the image itself")
    return learnt[-1]


def check(arch: Architecture, shape: tuple[int, int, int], classes: int) -> None:
    """Refuse, with InputError, an architecture whose networks have no penultimate layer."""
    with torch.device("meta"):
        last_layer(arch.build(shape, classes))
