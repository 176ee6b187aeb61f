"""ℓp distances between images and weights, for p up to ∞, in bounded memory."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

CHUNK = 2**24
"""How many differences are in memory at a time: 64 MiB of float32."""


def distances(inputs: Tensor, weights: Tensor, p: float) -> Tensor:
    """‖x − w‖_p of every input to every unit's weights.

    No (batch × units × features) tensor is ever made whole, forward or backward: units are taken in chunks and
    computed again for the gradient.

    Args:
        inputs: (batch, features).
        weights: (units, features).
        p: ≥ 1, or math.inf, whose gradient goes to the pixels of the largest difference alone.

    Returns:
        (batch, units).
    """
    if math.isinf(p):
        return torch.cdist(inputs, weights, p=math.inf)
    return _Distances.apply(inputs, weights, p)


def distances_with_surrogate(inputs: Tensor, weights: Tensor, surrogate_p: float) -> Tensor:
    """‖x − w‖_∞, with the gradient that the distance at `surrogate_p` would have.

    At p = ∞ only a handful of pixels carry gradient, and attacks that follow it stop far from the worst case.
    """
    return _Surrogate.apply(inputs, weights, surrogate_p)


class _Distances(torch.autograd.Function):
    """The distance at a finite p, and its gradient."""

    @staticmethod
    def forward(context: Any, inputs: Tensor, weights: Tensor, p: float) -> Tensor:
        found = torch.cat([_chunk(inputs, part, p) for part in _parts(inputs, weights)], dim=1)
        context.save_for_backward(inputs, weights)
        context.p = p
        return found

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        return (*_gradients(context, gradient), None)


class _Surrogate(torch.autograd.Function):
    """The distance at p = ∞, and the gradient at another p."""

    @staticmethod
    def forward(context: Any, inputs: Tensor, weights: Tensor, p: float) -> Tensor:
        context.save_for_backward(inputs, weights)
        context.p = p
        return torch.cdist(inputs, weights, p=math.inf)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        return (*_gradients(context, gradient), None)


def _gradients(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Σ over units, and over the batch, of gradient · sign(d)·(|d| / ‖d‖_p)^(p−1), with d = x − w."""
    inputs, weights = context.saved_tensors
    to_inputs, to_weights = context.needs_input_grad[:2]
    of_inputs = torch.zeros_like(inputs)
    of_weights = []
    parts = _parts(inputs, weights)
    for part, upstream in zip(parts, torch.split(gradient, len(parts[0]), dim=1), strict=True):
        difference = inputs[:, None] - part
        size = difference.abs()
        largest = _positive(size.amax(2, keepdim=True))
        relative = size / largest
        norm = relative.pow(context.p).sum(2, keepdim=True).pow(1 / context.p)
        slope = difference.sign() * (relative / _positive(norm)).pow(context.p - 1) * upstream[:, :, None]
        if to_inputs:
            of_inputs += slope.sum(1)
        if to_weights:
            of_weights.append(-slope.sum(0))
    return of_inputs if to_inputs else None, torch.cat(of_weights) if to_weights else None


def _chunk(inputs: Tensor, weights: Tensor, p: float) -> Tensor:
    """(batch, units) of a chunk of units; the largest difference is taken out, so that no power overflows."""
    size = (inputs[:, None] - weights).abs()
    largest = _positive(size.amax(2, keepdim=True))
    return (size / largest).pow(p).sum(2).pow(1 / p) * largest.squeeze(2)


def _positive(largest: Tensor) -> Tensor:
    """1 in the place of 0, which is divided by where input and weights are equal."""
    return torch.where(largest > 0, largest, torch.ones_like(largest))


def _parts(inputs: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """`weights`, as many units at a time as there is room for."""
    return torch.split(weights, max(1, CHUNK // max(1, inputs.numel())))
