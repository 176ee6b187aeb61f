"""Leave a model exactly as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from hypo.attacks.folded import folded


@contextmanager
def attacked(model: nn.Module, *, surrogate: bool = True) -> Iterator[nn.Module]:
    """`model` with parameters frozen and every module in `eval()` mode; both are restored module by module.

    Batch-norm statistics stay as they are, and no gradient is computed for, or left on, a parameter. Batch-norm
    that follows a convolution is computed with it, see `folded`: logits and gradients then differ by rounding from
    those that the model has outside. A model without batch-norm gives the same bits. For one thread
    at a time: another one that uses the model meanwhile may find it half restored.

    Args:
        surrogate: whether modules that offer another gradient than their own, by a bool of this name, give it.
    """
    modes = [(module, module.training) for module in model.modules()]
    offering: list[Any] = [module for module in model.modules() if hasattr(module, "surrogate")]
    offered = [module.surrogate for module in offering]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    for module in offering:
        module.surrogate = surrogate
    try:
        with folded(model):
            yield model
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
        for module, mode in modes:
            module.training = mode
        for module, before in zip(offering, offered, strict=True):
            module.surrogate = before
