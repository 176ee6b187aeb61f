"""`hydra.launcher.runs_per_gpu`, of every launcher that has one."""

from __future__ import annotations

from typing import Any, Literal

from hypo.settings import checks
from hypo.settings.errors import InputError

RunsPerGpu = int | Literal["auto"]
"""How many runs share a GPU; "auto" finds it out."""


def read(key: str, value: Any) -> RunsPerGpu:
    """`value`, when it can be one; InputError, naming `key`, when it cannot."""
    if value == "auto":
        return "auto"
    try:
        return checks.integer(key, value, at_least=1)
    except InputError:
        raise InputError(f"{key}: takes a whole number >= 1 or auto, got {checks.shown(value)}") from None
