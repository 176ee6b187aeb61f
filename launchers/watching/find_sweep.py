"""Which sweep a user means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.escaping import one_line
from hypo.runs import sweep as sweep_directory
from hypo.settings.errors import InputError

_TAKES = "takes a folder outputs/sweeps/<id>, the id of a sweep in ./outputs, or an outputs folder with one sweep"


def find_sweep(given: str) -> Path:
    """The folder of the sweep.

    Args:
        given: that folder, an outputs folder that holds one sweep, or a sweep's id, of which the beginning is
            enough where no other begins so; ids without a folder are looked up in ./outputs/sweeps.

    Raises:
        InputError: when it is none of these; a line for each sweep follows where there are several.
    """
    try:
        found = _meant(Path(given))
    except OSError as error:
        raise InputError(f"SWEEP: {given} cannot be read: {error.strerror}") from None
    if not found:
        raise InputError(f"SWEEP: {_TAKES}, got {given}, where there is none")
    if len(found) > 1:
        lines = "".join(f"\n  {sweep}  {_command(sweep)}" for sweep in found)
        raise InputError(f"SWEEP: {given} may be any of {len(found)} sweeps, newest first; name one:{lines}")
    return found[0]


def _meant(path: Path) -> Sequence[Path]:
    """The sweeps that a path may stand for, the newest first."""
    if (path / "sweep.json").exists():
        return [path]
    if path.is_dir():
        return _sweeps(path / "sweeps") or _sweeps(path)
    folder = Path("outputs/sweeps") if path == Path(path.name) else path.parent
    return [sweep for sweep in _sweeps(folder) if sweep.name.startswith(path.name)]


def _sweeps(folder: Path) -> Sequence[Path]:
    found = {path.parent: path.stat().st_mtime for path in folder.glob("*/sweep.json")}
    return sorted(found, key=lambda sweep: found[sweep], reverse=True)


def _command(sweep: Path) -> str:
    try:
        return one_line(sweep_directory.read(sweep).get("command"))
    except InputError as error:
        return str(error)
