"""Settings checked one by one: each function returns the value, or refuses it in one line that names the key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypo.settings.errors import InputError


def number(
    key: str,
    value: Any,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
) -> float:
    """`value` as a float: a number, or text such as "0.5", "1e-3" or the fraction "8/255"."""
    bound = f" >= {at_least:g}" if at_least is not None else f" > {above:g}" if above is not None else ""
    bound += "" if at_most is None else f" and <= {at_most:g}" if bound else f" <= {at_most:g}"
    refusal = InputError(f'{key}: takes a number{bound} (or a fraction such as "8/255"), got {shown(value)}')
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise refusal
    try:
        parsed = float(Fraction(value)) if isinstance(value, str) and "/" in value else float(value)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise refusal from None
    too_small = (at_least is not None and parsed < at_least) or (above is not None and parsed <= above)
    if not math.isfinite(parsed) or too_small or (at_most is not None and parsed > at_most):
        raise refusal
    return parsed


def integer(key: str, value: Any, *, at_least: int | None = None) -> int:
    """`value` as an int; 6.0 and "6" are 6, 6.5 and True are refused."""
    bound = f" >= {at_least}" if at_least is not None else ""
    refusal = InputError(f"{key}: takes a whole number{bound}, got {shown(value)}")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise refusal
    try:
        parsed = int(value)
        exact = isinstance(value, str) or parsed == value
    except (ValueError, OverflowError):
        raise refusal from None
    if not exact or (at_least is not None and parsed < at_least):
        raise refusal
    return parsed


def choice(key: str, value: Any, choices: Sequence[Any]) -> Any:
    """`value`, when it is one of `choices`."""
    if value not in choices:
        raise InputError(f"{key}: takes one of {', '.join(map(str, choices))}, got {shown(value)}")
    return value


def absolute(path: str) -> str:
    """`path` from the root of the file system, so that it means the same from another folder."""
    return str(Path(path).expanduser().resolve())


def shown(value: Any) -> str:
    """`value` as a refusal shows it, on one line."""
    text = repr(value) if isinstance(value, str) else str(value)
    return " ".join(text.split())
