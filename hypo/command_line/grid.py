"""The published λ grid, and the `...` that stands for a part of it."""

from __future__ import annotations

from hypo.settings import checks
from hypo.settings.errors import InputError

LAMBDAS = (0, 1, 5, 10, 20, 40, 60, 80, 100)
"""λ of Figure 4 and Tables 10 to 13 of Tao et al. 2022."""


def expand(values: str) -> str:
    """A comma-separated list of λ with each `...` replaced by the grid strictly between its neighbours.

    "0,1,5,...,100" becomes "0,1,5,10,20,40,60,80,100".

    Raises:
        InputError: when `...` does not stand between two numbers, the smaller one first.
    """
    items = [item.strip() for item in values.split(",")]
    expanded: list[str] = []
    for position, item in enumerate(items):
        if item != "...":
            expanded.append(item)
            continue
        if position in (0, len(items) - 1):
            raise InputError(f"lambda: '...' stands between two numbers, as in 0,1,5,...,100; got {values}")
        low = checks.number("lambda", items[position - 1], at_least=0)
        high = checks.number("lambda", items[position + 1], at_least=0)
        if low >= high:
            raise InputError(f"lambda: '...' goes from a smaller to a larger number; got {values}")
        expanded += [str(value) for value in LAMBDAS if low < value < high]
    return ",".join(expanded)
