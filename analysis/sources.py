"""Which run directories a path stands for."""

from __future__ import annotations

import json
from pathlib import Path

from hypo.errors import InputError
from hypo.identity import SCHEMA

_EXPECTED = "give an outputs folder, its runs folder, one of its sweeps/<id> or one run directory"


def run_directories(source: Path) -> list[Path]:
    """The runs that `source` stands for, sorted by name, or in the order of the sweep.

    `source` is an outputs folder (it has `runs/`), the runs folder itself, a sweep `outputs/sweeps/<id>`, or
    one run directory. A run that a sweep names is returned whether or not its directory is there.

    Raises:
        InputError: `source` is missing, is no folder, cannot be read or holds no runs.
    """
    if not source.is_dir():
        problem = "is not a folder" if source.exists() else "does not exist"
        raise InputError(f"{source} {problem}: {_EXPECTED}")
    try:
        if (source / "sweep.json").exists():
            found = _named_by_sweep(source)
        elif _is_run(source):
            found = [source]
        else:
            folder = source / "runs" if (source / "runs").is_dir() else source
            found = sorted(child for child in folder.iterdir() if _is_run(child))
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}") from error
    if not found:
        raise InputError(f"{source} holds no runs: {_EXPECTED}")
    return found


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("config.yaml", "status.json", "result.json"))


def _named_by_sweep(sweep: Path) -> list[Path]:
    path = sweep / "sweep.json"
    try:
        record = json.loads(path.read_text("utf-8"))
        schema, names = record["schema"], [Path(name).name for name in record["runs"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is unreadable: {error}") from error
    if schema != SCHEMA:
        raise InputError(f"{path} was written with schema {schema}, this version reads {SCHEMA}")
    runs = sweep.resolve().parent.parent / "runs"
    if not runs.is_dir():
        raise InputError(f"{sweep} names runs that lie in {runs}, which is not there: copy the outputs whole")
    return [runs / name for name in names]
