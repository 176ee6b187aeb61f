"""Values of single settings: which are recorded, which are the same, and how they are written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def is_recorded(value: Any) -> bool:
    """Whether a run's config has the setting: in `collect` it is NaN where it has not, None where it is null."""
    return not (isinstance(value, float) and value != value)


def written(value: Any) -> str:
    """As a user types it; 6 and 6.0 are one value, and so are a list and its JSON text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value) if isinstance(value, (list, tuple)) else str(value)


def same(first: Any, second: Any) -> bool:
    """Whether two values are one."""
    return written(first) == written(second)


def several(values: Iterable[Any]) -> list[str]:
    """The different ones among those that are recorded, as they are written, in the order in which they come."""
    return list(dict.fromkeys(written(value) for value in values if is_recorded(value)))
