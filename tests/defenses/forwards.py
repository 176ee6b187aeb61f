"""What passes through a model: in which mode, and whether a gradient of its parameters was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor, nn


class Forward(NamedTuple):
    """One pass of a batch; `weights` says whether its parameters can learn from it."""

    training: bool
    weights: bool
    images: Tensor


@contextmanager
def recorded(model: nn.Module) -> Iterator[list[Forward]]:
    """Every forward pass of `model` while the context is open."""
    passes: list[Forward] = []

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weights = any(parameter.requires_grad for parameter in module.parameters())
        passes.append(Forward(module.training, weights, inputs[0].detach().clone()))

    handle = model.register_forward_hook(record)
    try:
        yield passes
    finally:
        handle.remove()
