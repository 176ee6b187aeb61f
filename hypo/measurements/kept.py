"""What has been found so far is kept, so that a measurement that takes hours goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np


class Kept(Protocol):
    """Parts of one measurement of one trained model, by name; what was kept of any other is not there.

    A part is whole or not there. All of them go when the measurement is done.
    """

    def get(self, name: str) -> Mapping[str, np.ndarray] | None:
        """The arrays that were put under `name`, or None."""
        ...

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep `arrays`, of numbers and bools, in the place of what there was.

        Args:
            name: made of letters, digits, underscores and hyphens.
        """
        ...


class Nothing:
    """Nothing is kept: what is stopped begins again from the start."""

    def get(self, name: str) -> None:
        """None."""

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """The arrays are forgotten."""


NOTHING = Nothing()
