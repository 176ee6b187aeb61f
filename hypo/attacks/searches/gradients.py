"""The way up: where a search along the gradient sets out to."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from hypo.attacks.searches.search import each


def climb(
    model: nn.Module, points: Tensor, objective: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """What there is at `points`, all without gradient.

    Args:
        points: (batch, channels, height, width) in [0, 1].
        objective: from (batch, classes) logits to (batch,) values.

    Returns:
        (batch, classes) logits, (batch,) values of the objective, and its gradients, of the points' shape.
    """
    points = points.detach().requires_grad_()
    logits = model(points)
    value = objective(logits)
    # Summed, not averaged: a mean would make the gradient's size depend on the batch. Summed here and not by ones
    # given to `grad`, for which it would import a package of symbolic mathematics (0.4 s).
    (gradient,) = torch.autograd.grad(value.sum(), points)
    return logits.detach(), value.detach(), gradient


def unless_stalled(gradient: Tensor, noise: Tensor, number: int | Tensor) -> Tensor:
    """`gradient`, or a random direction for the examples where it is zero.

    A confident example's cross-entropy has gradient exactly 0 in floating point. It then walks in a seeded random
    direction, another one each step, instead of standing still. Not along the noise itself: the search may have
    begun there, on the sphere, and would be projected straight back.

    Args:
        gradient, noise: (batch, channels, height, width).
        number: which step this is; or (batch,) int64, each example's own.
    """
    stalled = each(gradient.flatten(1).abs().amax(1).eq(0), gradient)
    # A CPU has nothing to synchronise with, and there to look costs less than to choose.
    if stalled.device.type == "cpu" and not stalled.any():
        return gradient
    return torch.where(stalled, _rolled(noise, number + 1), gradient)


def _rolled(noise: Tensor, by: int | Tensor) -> Tensor:
    """The pixels of each example, so many places further on."""
    flat = noise.flatten(1)
    if isinstance(by, int):
        return flat.roll(by, dims=1).view_as(noise)
    places = torch.arange(flat.shape[1], device=noise.device)
    return flat.gather(1, (places - by.unsqueeze(1)) % flat.shape[1]).view_as(noise)
