"""Example passes: what an attack costs, whatever the machine is busy with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass
class Passes:
    """How many examples went through a model, forwards and backwards."""

    forward: int = 0
    backward: int = 0

    @property
    def total(self) -> int:
        """Both directions together."""
        return self.forward + self.backward


@contextmanager
def counting(model: nn.Module) -> Iterator[Passes]:
    """Count the passes of `model` within the context."""
    passes = Passes()

    def count_backward(gradient: Tensor) -> None:
        passes.backward += len(gradient)

    def count_forward(module: nn.Module, inputs: tuple[Any, ...], logits: Tensor) -> None:
        passes.forward += len(logits)
        if logits.requires_grad:
            logits.register_hook(count_backward)  # type: ignore[no-untyped-call]

    hook = model.register_forward_hook(count_forward)
    try:
        yield passes
    finally:
        hook.remove()
