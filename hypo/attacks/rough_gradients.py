"""A model whose gradients are rough, and cheap, and whose logits are exact."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class RoughGradients(nn.Module):
    """`model`, with the gradient that it has in bfloat16.

    A search then goes up by a pass in bfloat16, forward and back. What is decided of the points that it visits is
    decided by another one in the model's own precision: none counts as broken that this does not break. With
    tensor cores both ways in bfloat16 cost less than the one way back that they replace.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """The model's logits, to the bit."""
        with torch.no_grad():
            logits: Tensor = self.model(images)
        if not (torch.is_grad_enabled() and images.requires_grad):
            return logits
        with torch.autocast(images.device.type, dtype=torch.bfloat16):
            rough = self.model(images)
        exact: Tensor = _Exact.apply(rough.to(logits.dtype), logits)
        return exact


class _Exact(torch.autograd.Function):
    """The second of two tensors, with the gradient of the first."""

    @staticmethod
    def forward(context: Any, rough: Tensor, exact: Tensor) -> Tensor:
        return exact.clone()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None
