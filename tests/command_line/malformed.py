"""Values of the wrong kind, and which of them a setting of some type takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_origin

import pytest
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from hypo.command_line.explain import explain, is_understood

VALUES = (
    *("null", "[]", "[1,2]", "[[]]", "[null]", "{a:1}", "${nope}", "${oc.env:NOPE}"),
    *("-1", "nan", "inf", "abc", "''", "true", "1e400", "0/0"),
)


def may(hint: Any) -> set[str]:
    """Which of VALUES a setting of that type can take: a name may be more particular, a number is none of them."""
    found = set()
    if type(None) in get_args(hint):
        hint, found = next(kind for kind in get_args(hint) if kind is not type(None)), {"null"}
    if hint is bool:
        return found | {"true"}
    if hint is str:
        return found | {"-1", "nan", "inf", "abc", "1e400", "0/0", "''"}
    if hint is list:
        return {"[]"}
    if get_origin(hint) is tuple or (inspect.isclass(get_origin(hint)) and issubclass(get_origin(hint), Sequence)):
        return found | {"[]", "[1,2]"}
    return found


def must(hint: Any) -> set[str]:
    """Which of VALUES every setting of that type takes."""
    optional = type(None) in get_args(hint)
    return {"true"} if hint is bool else {"null"} if optional else set()


def tried(key: str, attempt: Callable[[str], object], values: Sequence[str] = VALUES) -> set[str]:
    """Which of `values` are taken; all others are refused in a line that names `key`."""
    taken = set()
    for value in values:
        try:
            attempt(f"{key}={value}")
            taken.add(value)
        except (ValueError, HydraException, OmegaConfBaseException) as error:
            line = explain(error) if is_understood(error) else repr(error)
            if key not in line or "\n" in line or not is_understood(error):
                pytest.fail(f"{key}={value}: {line}")
    return taken
