"""How large a perturbation may be."""

from __future__ import annotations

from typing import Any

from hypo.settings import checks
from hypo.settings.errors import InputError


def size(key: str, epsilon: Any, is_linf: bool) -> float:
    """`epsilon` as a number.

    Raises:
        InputError: naming `key`, when it is none, or one at which every pixel may be anything, as 8 for 8/255 is.
    """
    radius = checks.number(key, epsilon, above=0)
    if is_linf and radius > 1:
        takes = "takes 1 at most in linf, for images are in [0, 1]"
        raise InputError(f"{key}: {takes}, got {epsilon}; of pixels from 0 to 255 it is {radius:g}/255")
    return radius
