"""The run's shares as numbers and as words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.report.found import counted


@dataclass(frozen=True)
class Number:
    """A share in percent, with the ends of its 95 % interval and its counts; None for what is not known."""

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int | None = None
    of: int | None = None

    @property
    def counts(self) -> str:
        """As in "34 of 40", "" where the counts are not known."""
        return "" if self.count is None or self.of is None else f"{self.count:,} of {self.of:,}"

    @property
    def interval(self) -> str:
        """As in "[70.9, 92.9]", "" where there is none."""
        return "" if self.low is None or self.high is None else f"[{plain(self.low)}, {plain(self.high)}]"

    @property
    def percent(self) -> str:
        """As in "85.0 %"."""
        return "undefined" if self.value is None else f"{plain(self.value)} %"


def number(name: str, row: Mapping[str, Any], result: Mapping[str, Any]) -> Number:
    """A metric or a share of the run of `row` (of `contents.records`); counts are from `result`, result.json."""
    value, low, high = (row.get(column) for column in (name, f"{name}_lower", f"{name}_upper"))
    return Number(value, low, high, *(counted(name, result) or (None, None)))


def plain(value: float) -> str:
    """A percentage with one decimal, and more where one would say 0 or 100 of what is neither."""
    is_end = value in (0, 100) or not math.isfinite(value)
    digits = (1, 2, 3, 4)
    texts = (f"{value:.{decimals}f}" for decimals in digits)
    return next((text for text in texts if is_end or float(text) not in (0, 100)), f"{value:.{digits[-1]}f}")
