"""Errors to be raised in the place of what works."""

from __future__ import annotations

from typing import Any

import torch


def no_memory_for_this() -> None:
    torch.empty(2**50)


def raising(error: Exception) -> Any:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    return fail
