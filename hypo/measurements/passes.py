"""What an attack costs, whatever the machine is busy with: how many images went through the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass
class Passes:
    """How many images went through a model so far; one that is put through twice counts twice.

    With the way back, which gives a gradient, or without: a search that takes no gradients has passes too.
    """

    images: int = 0


@contextmanager
def counted(model: nn.Module) -> Iterator[Passes]:
    """Count what goes through `model` within the context."""
    passes = Passes()

    def count(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        passes.images += len(inputs[0])

    hook = model.register_forward_pre_hook(count)
    try:
        yield passes
    finally:
        hook.remove()
