"""Which run directories a path stands for."""

from __future__ import annotations

from pathlib import Path

from hypo.runs import sweep as sweep_directory
from hypo.runs.sweep import Record
from hypo.settings.errors import InputError

_EXPECTED = "give an outputs folder, its runs folder, one of its sweeps/<id> or one run directory"


def run_directories(source: Path) -> dict[Path, Record]:
    """The runs that `source` stands for, in the order of the sweep, or else sorted by name.

    `source` is an outputs folder (it has `runs/`), the runs folder itself, a sweep `outputs/sweeps/<id>`, or
    one run directory. A run that a sweep planned is returned whether or not its directory is there.

    Returns:
        for each run directory the record of the sweep that planned it, empty where there is none.

    Raises:
        InputError: `source` is missing, is no folder, cannot be read or holds no runs.
    """
    if not source.is_dir():
        problem = "is not a folder" if source.exists() else "does not exist"
        raise InputError(f"{source} {problem}: {_EXPECTED}")
    try:
        if (source / "sweep.json").exists():
            found = _planned(source)
        elif _is_run(source):
            found = {source: {}}
        else:
            found = _all_of(source)
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}") from error
    if not found:
        raise InputError(f"{source} holds no runs: {_EXPECTED}")
    return found


def _all_of(outputs: Path) -> dict[Path, Record]:
    folder = outputs / "runs" if (outputs / "runs").is_dir() else outputs
    found: dict[Path, Record] = {child: {} for child in folder.iterdir() if _is_run(child)}
    for sweep in (outputs / "sweeps").glob("*/sweep.json"):
        for name, record in sweep_directory.records(sweep.parent).items():
            found.setdefault(outputs / "runs" / name, record)
    return dict(sorted(found.items()))


def _is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("config.yaml", "status.json", "result.json"))


def _planned(sweep: Path) -> dict[Path, Record]:
    names = sweep_directory.read(sweep)["runs"]
    outputs = sweep.resolve().parent.parent
    if not (outputs / "runs").is_dir():
        problem = f"names runs that lie in {outputs / 'runs'}, which is not there: copy the outputs whole"
        raise InputError(f"{sweep} {problem}")
    records = sweep_directory.records(sweep)
    return {outputs / "runs" / name: records.get(name, {}) for name in names}
