"""What becomes of each run directory, found out by reading alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypo.migrate import files, first_schema
from hypo.migrate.settings import Renewed, renewed, training_of
from hypo.runs import status as run_status
from hypo.settings.errors import InputError
from hypo.settings.identity import SCHEMA

SUPERSEDED = "superseded"
"""The folder in the outputs folder for directories of runs that another directory stands for."""


@dataclass(frozen=True)
class Found:
    """A run directory that can be read.

    Attributes:
        settings: of schema 1; None for a run that is up to date.
        earlier: what the directory was called in schema 1; a migration that was cut short may have renamed it.
        name: what it is to be called.
        run_id: what its name ends with then, by which its settings find it; None where it is called otherwise.
    """

    directory: Path
    settings: Renewed | None
    earlier: str
    name: str
    run_id: str | None

    @property
    def worth(self) -> tuple[bool, int, bool, int]:
        """By which the one is chosen that stands for all others of its run: the one with most findings."""
        epoch = run_status.read(self.directory).get("epoch") or 0
        is_current = self.settings is None
        return (self.directory / "result.json").exists(), len(self.measured), is_current, epoch

    @property
    def measured(self) -> set[str]:
        """What it is measured for, beside the flags."""
        if self.settings is not None:
            return set(self.settings.config["measurement"])
        try:
            return set(json.loads((self.directory / "result.json").read_text())["findings"])
        except (OSError, ValueError, KeyError, TypeError):
            return set()


@dataclass
class Plan:
    """What becomes of the run directories of an outputs folder.

    Attributes:
        renewed: those that are brought up to date.
        superseded: those that are moved aside, each with the one that stands for it.
        names: what run directories are called now, by what they were called in schema 1.
        of_run: the names of run directories by run id.
        trainings: training ids by those of schema 1.
        left: what nothing is done to, and why.
        up_to_date: how many directories there is nothing to do for.
    """

    renewed: list[Found] = field(default_factory=list)
    superseded: list[tuple[Found, Found]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    of_run: dict[str, str] = field(default_factory=dict)
    trainings: dict[str, str] = field(default_factory=dict)
    left: dict[Path, str] = field(default_factory=dict)
    up_to_date: int = 0


def plan(outputs: Path) -> Plan:
    """Look at every run directory in `outputs`; what cannot be read is `left`."""
    made = Plan()
    of_run: dict[str, list[Found]] = {}
    for directory in sorted(path for path in (outputs / "runs").iterdir() if path.is_dir()):
        try:
            found = _look(directory, made.trainings)
        except InputError as error:
            made.left[directory] = str(error)
            continue
        if found.run_id is None:
            _keep(found, made)
        else:
            of_run.setdefault(found.run_id, []).append(found)
    for several in of_run.values():
        _choose(several, outputs, made)
    _look_aside(outputs, made)
    return made


def _look(directory: Path, trainings: dict[str, str]) -> Found:
    """The run in `directory`, with all of its files tried; notes in `trainings` what its training was called.

    Raises:
        InputError: when one of them cannot be read.
    """
    config = files.config(directory)
    if config.get("schema") == SCHEMA:
        before = run_status.read(directory).get(files.FROM)
        if before:
            trainings[before["training_id"]] = training_of(config)
        earlier = before["run"] if before else directory.name
        return Found(directory, None, earlier, directory.name, _called_by(directory.name, config.get("run_id")))
    if config.get("schema") != first_schema.SCHEMA:
        raise InputError(f"has schema version {config.get('schema')}, this version of hypo reads {SCHEMA}")
    settings = renewed(config)
    files.renewed_files(directory, settings, {})
    trainings[settings.earlier_training_id] = settings.training_id
    earlier = run_status.read(directory).get(files.FROM, {}).get("run", directory.name)
    name = settings.directory_name(earlier)
    return Found(directory, settings, earlier, name, _called_by(name, settings.run_id))


def _called_by(name: str, run_id: Any) -> str | None:
    """`run_id`, where the directory is found by it."""
    return run_id if name.rpartition("-")[2] == run_id else None


def _choose(several: Sequence[Found], outputs: Path, made: Plan) -> None:
    """One directory for the one run that `several` are of; all are left where they found different things."""
    best, *others = sorted(several, key=lambda found: found.worth, reverse=True)
    current = [found for found in several if found.settings is None]
    if any(other.worth[0] and not _agree(best, other) for other in others) or several == current:
        for found in several:
            rest = " and ".join(each.directory.name for each in several if each is not found)
            if found in current:
                _keep(found, made)
            else:
                why = f"is the same run as {rest}, with other flags: move one of them elsewhere"
                made.left[found.directory] = why
        return
    for other in others:
        if (outputs / SUPERSEDED / other.directory.name).exists():
            made.left[other.directory] = (
                f"is the same run as {best.directory.name}, and is in {SUPERSEDED}/ already"
            )
        else:
            made.superseded.append((other, best))
            made.names[other.earlier] = best.name
    _keep(best, made)


def _keep(found: Found, made: Plan) -> None:
    made.names[found.earlier] = found.name
    if found.run_id is not None:
        made.of_run[found.run_id] = found.name
    if found.settings is None:
        made.up_to_date += 1
    else:
        made.renewed.append(found)


def _agree(one: Found, other: Found) -> bool:
    """Whether both runs, which are done, found the same for each test example."""
    import pandas

    files_ = [each.directory / "examples.parquet" for each in (one, other)]
    if not all(file.exists() for file in files_):
        return False
    first, second = (pandas.read_parquet(file) for file in files_)
    # Numbers that another processor rounds differently tell nothing, and who decided a flag came later.
    flags = [column for column in first if column in second and column not in ("margin", "lead", "search")]
    return bool(first[flags].equals(second[flags]))


def _look_aside(outputs: Path, made: Plan) -> None:
    """Note which run stands for each that was moved aside before."""
    folder = outputs / SUPERSEDED
    for directory in folder.iterdir() if folder.is_dir() else ():
        try:
            settings = renewed(files.config(directory))
        except InputError:
            continue
        if settings.run_id in made.of_run:
            made.names[directory.name] = made.of_run[settings.run_id]
