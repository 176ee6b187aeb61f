"""Random square windows of a perturbation, changed: each example's own, from its noise alone.

Every perturbation is (batch, channels, height, width), and so is `noise`, standard normal. All that is random
comes from pixels of the noise and the `number` of the step, which is 0 where a search begins.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypo.attacks.searches.hashing import uniform

COUNTED = 8
"""How many random numbers a step may count."""


def stripes(noise: Tensor) -> Tensor:
    """−1 or 1 for each channel and column."""
    return _sign(uniform(noise[:, :, :1], 0)).expand(noise.shape)


def painted(perturbation: Tensor, epsilon: float, part: float, noise: Tensor, number: int) -> Tensor:
    """`perturbation` with a window, `part` of the image, in which each channel is −ε or ε."""
    _, _, height, width = perturbation.shape
    side = min(max(round((part * height * width) ** 0.5), 1), height, width)
    window = _Window(perturbation, side, noise, number, 0)
    return torch.where(window.inside, epsilon * _signs(noise, number, 2), perturbation)


def bumps(noise: Tensor) -> Tensor:
    """A bump of either sign in each channel of every tile; five tiles fit along the shorter side."""
    _, _, height, width = noise.shape
    side = max(min(height, width) // 5, 1)
    rows, columns = (torch.arange(length, device=noise.device) for length in (height, width))
    pattern = _bump(side, noise)[rows % side][:, columns % side]
    corners = noise[:, :, rows // side * side][..., columns // side * side]
    return pattern * _sign(uniform(corners, 0))


def shifted(perturbation: Tensor, epsilon: float, part: float, noise: Tensor, number: int) -> Tensor:
    """`perturbation`, of Euclidean norm at most ε, with a bump in one window, at the cost of another.

    The other window becomes 0, and what it had goes to the first, in each channel, with what was left of ε.
    """
    _, channels, height, width = perturbation.shape
    odd = max(round((part * height * width) ** 0.5), 3) // 2 * 2 + 1
    side = min(odd, height, width)
    first, second = (_Window(perturbation, side, noise, number, count) for count in (0, 2))
    left = (epsilon**2 - _norm(perturbation, (1, 2, 3)) ** 2).clamp_min(0) / channels
    moved = _norm(torch.where(first.inside | second.inside, perturbation, 0)) ** 2

    old = torch.where(first.inside, perturbation, 0)
    bump = _bump(side, noise)
    upright = torch.where(first.inside, bump[first.rows[:, :, None], first.columns[:, None]].unsqueeze(1), 0)
    lying = torch.where(first.inside, bump.T[first.rows[:, :, None], first.columns[:, None]].unsqueeze(1), 0)
    stands = (_random(noise, number, 4) > 0).view(-1, 1, 1, 1)
    new = torch.where(stands, upright, lying) * _signs(noise, number, 5) + old / _norm(old).clamp_min(1e-10)
    new = new / _norm(new).clamp_min(1e-10) * (left + moved).sqrt()

    changed = torch.where(first.inside, new, torch.where(second.inside, 0, perturbation))
    return epsilon * changed / _norm(changed, (1, 2, 3)).clamp_min(1e-10)


class _Window:
    """Where a random window of each example lies.

    Attributes:
        rows, columns: (batch, height) and (batch, width) int64, of each pixel within the window, as near as there
            is one.
        inside: (batch, 1, height, width) bool.
    """

    def __init__(self, images: Tensor, side: int, noise: Tensor, number: int, count: int) -> None:
        within = []
        for dimension in (2, 3):
            length = images.shape[dimension]
            places = length - side + 1
            at = (_random(noise, number, count + dimension - 2) + 1) / 2 * places
            # The largest numbers below 1 are 1 when they are rounded.
            first = at.long().clamp_max(places - 1)
            within.append(torch.arange(length, device=images.device) - first.unsqueeze(1))
        rows, columns = within
        self.rows, self.columns = rows.clamp(0, side - 1), columns.clamp(0, side - 1)
        inside = (rows == self.rows)[:, :, None] & (columns == self.columns)[:, None]
        self.inside = inside.unsqueeze(1)


def _bump(side: int, like: Tensor) -> Tensor:
    """(side, side) of norm 1: above a hill, below a valley, each steepest in its middle (Section 4.3)."""
    upper = side // 2
    if not upper:
        return torch.ones(1, 1, device=like.device)
    whole = torch.cat([_hill(upper, side, like), -_hill(side - upper, side, like)])
    return whole / whole.norm()


def _hill(height: int, width: int, like: Tensor) -> Tensor:
    """(height, width) of norm 1; k pixels away from the middle it is the rest of Σ 1/k² from there on."""
    rows = (torch.arange(height, device=like.device) - height // 2).abs()
    columns = (torch.arange(width, device=like.device) - width // 2).abs()
    count = max(height, width) // 2 + 1
    terms = torch.arange(1, count + 1, device=like.device).float() ** -2
    rest = terms.flip(0).cumsum(0).flip(0)
    hill = rest[torch.maximum(rows[:, None], columns[None])]
    return hill / hill.norm()


def _random(noise: Tensor, number: int, count: int) -> Tensor:
    """(batch,) uniform in (−1, 1)."""
    return uniform(noise[:, 0, 0, 0], COUNTED * number + count)


def _signs(noise: Tensor, number: int, count: int) -> Tensor:
    """(batch, channels, 1, 1) of −1 or 1."""
    return _sign(uniform(noise[:, :, :1, :1], COUNTED * number + count))


def _sign(numbers: Tensor) -> Tensor:
    return torch.where(numbers > 0, 1.0, -1.0)


def _norm(perturbation: Tensor, over: tuple[int, ...] = (2, 3)) -> Tensor:
    """Euclidean norms, by default of each channel, ready to divide by."""
    return torch.linalg.vector_norm(perturbation, dim=over, keepdim=True)
