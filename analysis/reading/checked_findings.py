"""The findings and searches of a result as whoever wrote it left them: whole, harmless, and of the right kinds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from analysis.escaping import one_line
from analysis.reading.columns import TAKEN

_SHARE = re.compile(r"[A-Za-z]\w*", re.ASCII)
_KEY = re.compile(r"\w[\w-]*")


def checked(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The findings of a result, whole and with texts that are harmless; none where it has none.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: for what is not as it has to be.
    """
    # W&B keeps no empty mapping.
    return {_named(key, _KEY): _finding(found) for key, found in (result.get("findings") or {}).items()}


def searches(result: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """How many flags each search decided, by search, in turn, and by flag, and in how many `passes`.

    These are not there in runs from before they were counted. Errors are as of `checked`.
    """
    found = result.get("searches") or {}
    return {one_line(name): {one_line(flag): int(n) for flag, n in by.items()} for name, by in found.items()}


def fraction(value: Any) -> float:
    """`value` as what a share has to be; ValueError or TypeError for anything else."""
    found = float(value)
    if not 0 <= found <= 1:  # NaN neither
        raise ValueError(f"{value} is no fraction in [0, 1]")
    return found


def plain_number(value: Any) -> float:
    """`value` as what a number has to be; ValueError or TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _finding(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "settings": dict(found.get("settings") or {}),
        "title": one_line(found["title"]),
        "warning": one_line(found.get("warning") or ""),
        "shares": _quantities(found.get("shares"), ("about", "symbol", "bounds")),
        "numbers": _quantities(found.get("numbers"), ("about", "symbol", "unit")),
        "curves": [_curve(each) for each in found.get("curves") or ()],
        **{
            kind: {one_line(name): one_line(about) for name, about in (found.get(kind) or {}).items()}
            for kind in ("columns", "pictures")
        },
    }


def _quantities(found: Mapping[str, Any] | None, entries: tuple[str, ...]) -> dict[str, dict[str, str]]:
    return {
        _name(name): {entry: one_line(about.get(entry)) for entry in entries}
        for name, about in (found or {}).items()  # what was written before there were numbers has none
    }


def _curve(found: Mapping[str, Any]) -> dict[str, Any]:
    about = {key: one_line(found.get(key)) for key in ("about", "over", "unit")}
    return {
        "name": one_line(found["name"]),
        **about,
        "points": [_point(each) for each in found.get("points") or ()],
    }


def _point(found: Mapping[str, Any]) -> dict[str, Any]:
    value, interval, at = found["value"], found.get("interval"), found["at"]
    is_number = isinstance(at, (int, float)) and not isinstance(at, bool) and math.isfinite(at)
    return {
        "at": at if is_number else one_line(at),
        "count": int(found["count"]),
        "of": int(found["of"]),
        "value": None if value is None else fraction(value),
        "interval": None if interval is None else [fraction(end) for end in interval],
    }


def _name(name: object) -> str:
    if name in TAKEN:
        raise ValueError(f"a share is called {name!r}, which is a column of its own")
    return _named(name, _SHARE)


def _named(name: object, pattern: re.Pattern[str]) -> str:
    """A share may stand in a chart's formula, a measurement in the name of a file."""
    if not pattern.fullmatch(str(name)):
        raise ValueError(f"a name is letters, digits and underscores, got {one_line(name)!r}")
    return str(name)
