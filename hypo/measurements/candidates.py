"""What searches visited, for whoever takes note of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Candidates:
    """One more candidate of each of some examples.

    Attributes:
        indices: (candidates,) int64, the examples.
        logits: (candidates, classes), without gradient.
        predictions: (candidates,) int64, what the model takes them for.
        counts: (candidates,) bool, whether to take note of it.
        search: which search found them, from 0.
        at_end: whether this is where a restart ends.
    """

    indices: Tensor
    logits: Tensor
    predictions: Tensor
    counts: Tensor
    search: int
    at_end: bool


Record = Callable[[Candidates], None]
