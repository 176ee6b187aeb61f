"""How far float32 may be off, so that bounds hold for networks as they are computed, by computations as rounded.

A sum of n terms is rounded n − 1 times, by at most u = 2⁻²⁴ of what it has come to. Together that is at most n·u
times the sum of the terms' sizes, and √n·u times it where the signs of the errors are not all the same: they
exceed λ·√n·u with a probability of at most 2·exp(−λ²/2) (Higham and Mary, "A New Approach to Probabilistic
Rounding Error Analysis", 2019). Here λ = 8 stands for the network and for the computation of its bounds together,
both of which are rounded; the sizes are those that the terms have at most, so that the error that is allowed for
is far from what is seen.
"""

from __future__ import annotations

LAMBDA = 8.0
UNIT = 2.0**-24
"""Of float32: the largest relative error of one rounding."""


def share(*terms: int) -> float:
    """By how much sums of so many terms, one after the other, may be off, relative to the sizes of their terms."""
    return LAMBDA * UNIT * sum(count**0.5 for count in terms)
