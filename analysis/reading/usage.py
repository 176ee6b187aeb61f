"""What a run used of the machine, as its attempts noted it in status.json."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.reading.columns import USAGE


def usage(status: Mapping[str, Any]) -> dict[str, float]:
    """The columns `USAGE` of one run, those left out that no attempt noted.

    The peaks are the highest of all attempts; the utilisation is their mean, each counted for as long as it was
    measured.
    """
    noted = list(_noted(status))
    found = {
        peak: max(values)
        for peak in ("peak_memory", "peak_gpu_memory")
        if (values := [value for each in noted if (value := _number(each.get(peak))) is not None])
    }
    shares = [(_number(each.get("seconds")) or 0, _number(each.get("gpu_utilisation"))) for each in noted]
    known = [(seconds, share) for seconds, share in shares if share is not None]
    if weight := sum(seconds for seconds, _ in known):
        found["gpu_utilisation"] = sum(seconds * share for seconds, share in known) / weight
    return found


def spoken(column: str, value: Any) -> str:
    """A value of one of the columns `USAGE` for a page, a dash where there is none."""
    number = _number(value)
    if number is None:
        return "—"
    return f"{100 * number:.0f} %" if column == "gpu_utilisation" else f"{number / 2**30:.2f} GiB"


def of_attempt(attempt: Mapping[str, Any]) -> dict[str, str]:
    """The same of one attempt, as a page shows it."""
    noted = attempt.get("usage")
    return {column: spoken(column, noted.get(column) if isinstance(noted, dict) else None) for column in USAGE}


def _noted(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    attempts = status.get("attempts")
    for attempt in attempts if isinstance(attempts, list) else []:
        if isinstance(attempt, dict) and isinstance(attempt.get("usage"), dict):
            yield attempt["usage"]


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
