"""What is chosen for a config group: one option, by its name, or a list of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from hydra.core.override_parser.types import Override

from hypo.settings import checks
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS

LISTS = ("measurement", "search")
"""The groups of which several options are chosen at once."""


def check(overrides: Iterable[Override], is_group: Callable[[str], bool]) -> None:
    """Refuse whatever cannot be the name of an option: nothing, a number, a list, a reference to a setting.

    The config framework breaks on some of these while it composes, and says of none which group it was for. What
    is a sweep is checked cell by cell; a mapping sets values inside the group.

    Raises:
        InputError: naming the group.
    """
    for override in overrides:
        key = override.key_or_group
        if not key:
            raise InputError(f"{override.input_line}: takes key=value, got no key")
        if override.is_delete() or override.is_sweep_override() or not is_group(key):
            continue
        value = override.value()
        if key in LISTS:
            _check_list(key, value)
            continue
        names_group = value in [f"${{{group}}}" for group in GROUPS]
        if not isinstance(value, (str, dict)) or ("${" in str(value) and not names_group):
            got = "null" if value is None else checks.shown(value)
            several = isinstance(value, list) and "/" not in key
            hint = f"several are a sweep, -m {key}=a,b" if several else "python -m hypo.run --help lists them"
            raise InputError(f"{key}: takes the name of one option, got {got}; {hint}")


def _check_list(key: str, value: object) -> None:
    if not (
        isinstance(value, list) and all(isinstance(name, str) and re.fullmatch(r"[\w-]+", name) for name in value)
    ):
        got = "null" if value is None else checks.shown(value)
        hint = "python -m hypo.run --help lists them"
        raise InputError(f"{key}: takes a list of options, in brackets as in {key}=[a,b], got {got}; {hint}")


def groups_below(folder: Path) -> Callable[[str], bool]:
    """Whether a key is a config group, for the groups in `folder`, and all others of more than one word."""
    return lambda key: "/" in key or (folder / key).is_dir()
