"""Leave a model exactly as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def attacked(model: nn.Module) -> Iterator[nn.Module]:
    """`model` with parameters frozen and every module in `eval()` mode; both are restored module by module.

    Batch-norm statistics stay as they are, and no gradient is computed for, or left on, a parameter.
    """
    modes = [(module, module.training) for module in model.modules()]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield model
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
        for module, mode in modes:
            module.training = mode
