"""What a sweep of schema 1 left beside its runs, and what was handed to Slurm, with the names of today."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypo.migrate import first_schema
from hypo.migrate.commands import retyped
from hypo.migrate.disk import move, rewrite
from hypo.migrate.settings import renewed, said
from hypo.runs.sweep import Record, read_records
from hypo.settings.identity import SCHEMA, short_hash


@dataclass(frozen=True)
class OldSweep:
    """A sweep of schema 1.

    Attributes:
        folder: where it lies.
        to: where it is to lie: a sweep is called by the runs that it holds.
        content: sweep.json.
        records: of its runs, as they are now, each once; prerequisites first.
        names: what run directories are called now, by what the sweep calls them.
        trainings: training ids of its runs by those of schema 1.
        of_run: the names of run directories by run id.
    """

    folder: Path
    to: Path
    content: Mapping[str, Any]
    records: tuple[Record, ...]
    names: Mapping[str, str]
    trainings: Mapping[str, str]
    of_run: Mapping[str, str]

    def renew(self) -> None:
        """Write everything with the names of today; runs.jsonl, by which a sweep is known as old, comes last.

        Raises:
            OSError, ValueError, KeyError, TypeError: when a file cannot be read or written.
        """
        # Where another sweep holds the same runs now, each keeps a folder, and this one is called as it was.
        folder = self.folder if self.to.exists() else self.to
        move(self.folder, folder)
        for path in sorted((folder / "submissions").glob("*/submission.json")):
            with suppress(ValueError, KeyError):  # one that was cut short is not read either
                rewrite(path, self._submission(path, folder.name))
            for tasks in sorted(path.parent.glob("*.jsonl")):
                rewrite(tasks, _lines(self._task(task, folder.name) for task in read_records(tasks)))
        content = {**self.content, "schema": SCHEMA, "sweep_id": folder.name}
        content |= {"command": retyped(content["command"]), "runs": self._renamed(content["runs"])}
        rewrite(folder / "sweep.json", (json.dumps(content, indent=2) + "\n").encode())
        rewrite(folder / "runs.jsonl", _lines(self.records))

    def _submission(self, path: Path, sweep_id: str) -> bytes:
        """submission.json, as it was with the names of today."""
        content = json.loads(path.read_text("utf-8"))
        before = Path(content["folder"]).parents[1]
        for key in ("folder", "logs"):
            if Path(content[key]).is_relative_to(before):
                content[key] = str(before.with_name(sweep_id) / Path(content[key]).relative_to(before))
        for array in content["arrays"]:
            array["tasks"] = [self._renamed(task) for task in array["tasks"]]
            array["needs"] = self._renamed(array["needs"])
        return (json.dumps({**content, "schema": SCHEMA}, indent=1) + "\n").encode()

    def _task(self, task: Iterable[Mapping[str, Any]], sweep_id: str) -> list[Mapping[str, Any]]:
        """What one task of an array is given, each run once."""
        found: dict[str, Mapping[str, Any]] = {}
        for each in task:
            record = _renewed(each["record"], self.of_run)
            run_id = record["config"]["run_id"]
            if run_id in found:
                record = _measuring_too(found[run_id]["record"], record)
            found[run_id] = {**each, "record": record, "group": sweep_id}
        return list(found.values())

    def _renamed(self, runs: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(self.names.get(run, run) for run in runs))


def old_sweeps(outputs: Path, of_run: Mapping[str, str]) -> tuple[list[OldSweep], dict[Path, str]]:
    """The sweeps of schema 1 in an outputs folder, and what is wrong with those that cannot be read.

    Args:
        of_run: the names of run directories by run id.
    """
    found, left = [], {}
    for path in sorted((outputs / "sweeps").glob("*/sweep.json")):
        try:
            first = next(read_records(path.with_name("runs.jsonl")), None)
            if first and first["config"]["schema"] == first_schema.SCHEMA:
                found.append(_read(path.parent, of_run))
        except (OSError, ValueError, KeyError, TypeError) as error:
            left[path.parent] = f"cannot be taken over: {said(error)}"
    return found, left


def _read(folder: Path, of_run: Mapping[str, str]) -> OldSweep:
    content = json.loads((folder / "sweep.json").read_text("utf-8"))
    if lacking := {"command", "runs"} - set(content):
        raise KeyError(*lacking)
    records: dict[str, Record] = {}
    names: dict[str, str] = {}
    trainings: dict[str, str] = {}
    for planned in read_records(folder / "runs.jsonl"):
        settings = renewed(planned["config"])
        trainings[settings.earlier_training_id] = settings.training_id
        record = _renewed(planned, of_run)
        names[planned["directory"]] = record["directory"]
        run_id = settings.run_id
        records[run_id] = _measuring_too(records[run_id], record) if run_id in records else record
    to = folder.with_name(short_hash(sorted(records)))
    return OldSweep(folder, to, content, tuple(records.values()), names, trainings, of_run)


def _renewed(planned: Record, of_run: Mapping[str, str]) -> Record:
    """The record of a planned run as it is now; one that is up to date stays as it is."""
    if planned["config"]["schema"] != first_schema.SCHEMA:
        return planned
    settings = renewed(planned["config"])
    name = of_run.get(settings.run_id) or settings.directory_name(planned["directory"])
    return {
        "directory": name,
        "config": dict(settings.config),
        "command": retyped(planned["command"]),
        "measured": settings.measured,
    }


def _measuring_too(one: Record, other: Record) -> Record:
    """The record of a run that two were planned for, which differ in what they measure alone."""
    measurement = {**one["config"]["measurement"], **other["config"]["measurement"]}
    command = max(one["command"], other["command"], key=lambda command: "measurement=" in command)
    return {
        **one,
        "config": {**one["config"], "measurement": measurement},
        "command": command,
        "measured": {**one["measured"], **other["measured"]},
    }


def _lines(items: Iterable[Any]) -> bytes:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items).encode()
