"""Whether several run directories have a group of settings in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hypo.settings.errors import InputError


def check_same(
    part: str, runs: Sequence[Path], group: str, takes: str, settings: Collection[str] | None = None
) -> None:
    """Refuse `runs`, at least one, that differ in a setting of `group` which can change a result.

    Args:
        part: of `python -m analysis`, in whose name they are refused.
        takes: what it takes, such as "runs on one data set".
        settings: those of the group that are compared; None for all.

    Raises:
        InputError: naming the first two that differ, and in what.
    """
    from hypo.runs.directory import RunDirectory
    from hypo.settings.components import build, describe

    def compared(path: Path) -> dict[str, Any]:
        config = RunDirectory(path).config()[group]
        everything = {"name": config.get("name"), **describe(build(config, group), identity=True)}
        return {key: value for key, value in everything.items() if settings is None or key in settings}

    first, *others = runs
    expected = compared(first)
    for path in others:
        found = compared(path)
        for key in (key for key in {**expected, **found} if expected.get(key) != found.get(key)):
            setting = group if key == "name" else f"{group}.{key}"
            which = f"{setting}={expected.get(key)} in {first} and {found.get(key)} in {path}"
            raise InputError(f"{part}: takes {takes}, got {which}")
