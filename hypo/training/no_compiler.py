"""Optimizers without PyTorch's compiler, which nothing here asks for.

Torch's own import it when they are made and when they step, so as not to be compiled: a second, and 150 MB, of
every process that trains (torch 2.14). What they compute is the same, bit by bit.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch

_EXEMPT = ("add_param_group", "state_dict", "load_state_dict", "zero_grad")


def _exempted() -> None:
    """Tell the methods what they are exempt as: themselves; else they would import the compiler to ask."""
    for name in _EXEMPT:
        plain: Any = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            plain.__dynamo_disable = plain


class Sgd(torch.optim.SGD):
    """Stochastic gradient descent."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        _exempted()
        super().__init__(*arguments, **named)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Torch's step, as it is written there and not as it is wrapped."""
        inspect.unwrap(torch.optim.SGD.step)(self, closure)


class Adam(torch.optim.Adam):
    """Adam."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        _exempted()
        super().__init__(*arguments, **named)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Torch's step, as it is written there and not as it is wrapped."""
        inspect.unwrap(torch.optim.Adam.step)(self, closure)
