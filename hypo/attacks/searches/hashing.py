"""More random numbers from those that a search begins with: each example's own, in whatever batch."""

from __future__ import annotations

import torch
from torch import Tensor


def another(noise: Tensor, number: int) -> Tensor:
    """Standard normal numbers in the place of those in `noise`, other ones for each `number`."""
    return 2**0.5 * torch.erfinv(uniform(noise, number))


def uniform(noise: Tensor, number: int) -> Tensor:
    """Numbers uniform in (−1, 1) in the place of those in `noise`, other ones for each `number` >= 0.

    The bits of each are counted on and hashed, by lowbias32 (Wellons 2018). So an example's numbers are its own,
    and are not drawn one example after the other.
    """
    mask = 2**32 - 1
    hashed = (noise.float().view(torch.int32).long() + (number + 1) * 0x9E3779B9) & mask
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        hashed = ((hashed ^ (hashed >> shift)) * factor) & mask
    hashed = hashed ^ (hashed >> 16)
    # 24 bits, all that float32 can tell apart, to the middles of as many parts of (−1, 1), so never to its ends.
    return ((hashed >> 8) - 2**23 + 0.5) / 2**23
