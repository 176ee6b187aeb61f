"""A λ between two others, in a number that is easily read."""

from __future__ import annotations

import math

SMALLEST = 1e-3
"""Below this a λ is taken to be 0."""


def between(low: float, high: float) -> float | None:
    """A λ of one or two digits strictly between, for 0 <= low < high; None where there is none.

    It is about the geometric mean, because defenses answer to factors of λ: 14 between 10 and 20, 30 between 10
    and 100. Between 0 and another λ it is a tenth of that. One digit will do where it is not far from the middle.
    """
    if low == 0:
        tenth = _rounded(high / 10, digits=1)
        return tenth if SMALLEST <= tenth < high else None
    middle, quarter = math.sqrt(low * high), (high / low) ** 0.25
    coarse, fine = _rounded(middle, digits=1), _rounded(middle, digits=2)
    if middle / math.sqrt(quarter) <= coarse <= middle * math.sqrt(quarter):
        return coarse
    return fine if low < fine < high else None


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")
