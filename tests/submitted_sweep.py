"""A sweep as its launch and its runs leave it on disk, and a Slurm that knows its jobs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_slurm import FakeSlurm

from hypo.runs import sweep as sweep_directory
from hypo.settings.identity import SCHEMA
from launchers.watching.cells import Cell
from launchers.watching.moment import PlannedSweep, planned_sweep
from launchers.watching.submission import Array, Submission

SUBMITTED = "2026-01-01T00:00:00+00:00"
LATER = "2026-01-01T01:00:00+00:00"
COMMAND = "python -m hypo.run -m lambda=1,2"
BEGUN = "hypo: restart 0 of job 7_0 on n1"
"""What a task's log begins with."""

Show = Callable[..., tuple[int, str, str]]
"""Runs the status command; returns exit code, output and errors."""


_SCANCEL = """\
#!/bin/sh
cd '{folder}' || exit 3
echo "scancel $*" >> calls
[ ! -e scancel_fails ] || {{ cat scancel_fails >&2; exit 1; }}
"""


class SlurmWithJobs(FakeSlurm):
    """One that knows of jobs, and cancels them; accounting it has once it is given some."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._command("scancel", _SCANCEL.format(folder=folder))

    def queue(self, *lines: str) -> None:
        """Have squeue know these: name|id|array|index|state|reason|node."""
        (self.folder / "squeue").write_text("".join(f"{line}\n" for line in lines))

    def accounting(self, *lines: str) -> None:
        """Have sacct know these: name|array_index|id|state|node."""
        self.configure(accounting="accounting_storage/slurmdbd")
        (self.folder / "sacct").write_text("".join(f"{line}\n" for line in lines))

    def asked(self, command: str) -> list[list[str]]:
        """The arguments of each call of squeue, sacct or scancel."""
        return [call.split()[1:] for call in self.calls if call.split()[0] == command]


@dataclass
class SubmittedSweep:
    """A sweep of the runs `names`; each run id is twelve times the letter that stands at its place."""

    outputs: Path
    names: Sequence[str] = ("thrm-lambda1-s0", "thrm-lambda2-s0")
    sweep_id: str = "0123456789ab"
    prerequisites: int = 0
    runs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runs = [f"{name}-{letter * 12}" for name, letter in zip(self.names, "abcdefghij", strict=False)]
        records = [
            {
                "directory": run,
                "config": {"recipe": {"epochs": 10}},
                "command": f"python -m hypo.run {name.replace('-', ' ')}",
            }
            for run, name in zip(self.runs, self.names, strict=True)
        ]
        self.outputs.mkdir(parents=True, exist_ok=True)
        needed = self.prerequisites
        sweep_directory.write(self.folder, COMMAND, records[needed:], prerequisites=records[:needed])

    @property
    def folder(self) -> Path:
        return self.outputs / "sweeps" / self.sweep_id

    @property
    def planned(self) -> PlannedSweep:
        return planned_sweep(self.folder)

    @property
    def cells(self) -> list[Cell]:
        return list(self.planned.now().cells.values())

    @property
    def cell(self) -> Cell:
        """The first one."""
        return self.cells[0]

    def submit(
        self,
        *tasks: Sequence[int],
        number: int = 1,
        job: str | None = "7",
        needs: Sequence[int] = (),
    ) -> Submission:
        """Submit runs by their places, a task each or in these tasks; the array is called hypo-<number>-0."""
        given = tasks or [(place,) for place in range(len(self.runs))]
        named = [[self.runs[place] for place in task] for task in given]
        array = Array(f"hypo-{number}-0", job, named, [self.runs[place] for place in needs])
        folder = self.folder / "submissions" / f"2026010{number}-000000-{number:06}"
        created = f"2026-01-0{number}T00:00:00+00:00"
        submission = Submission(folder, folder / "logs", created, 3, None, [array])
        submission.logs.mkdir(parents=True)
        submission.write()
        return submission

    def directory(self, place: int = 0) -> Path:
        path = self.outputs / "runs" / self.runs[place]
        path.mkdir(exist_ok=True)
        return path

    def status(self, state: str, place: int = 0, attempts: Sequence[Any] = (), **more: Any) -> None:
        """Write what a run says of itself, after it was submitted first."""
        content = {
            "schema": SCHEMA,
            "state": state,
            "reason": None,
            "cause": None,
            "updated_at": LATER,
            "host": "away",
        }
        content |= {"epochs": 10, "attempts": list(attempts), **more}
        (self.directory(place) / "status.json").write_text(json.dumps(content))

    def attempt(self, submission: Submission | None = None, **more: Any) -> dict[str, Any]:
        """One attempt, by a job of `submission` or outside Slurm."""
        about = {"job": "7_0", "node": "n1", "submission": submission.folder.name} if submission else {}
        return {"host": "away", "pid": 1, "started_at": "2026-01-01T00:30:00+00:00", **about, **more}

    def done(self, place: int = 0) -> None:
        self.status("done", place, [self.attempt()], epoch=10)
        (self.directory(place) / "result.json").write_text(json.dumps({"schema": SCHEMA}))

    def beat(self, place: int = 0, at: float | None = None) -> None:
        """A lock that nobody holds, touched now or `at` some time."""
        lock = self.directory(place) / ".lock"
        lock.write_text(json.dumps({"pid": 4321, "host": "away"}))
        if at is not None:
            os.utime(lock, (at, at))


def queued(index: int, state: str, reason: str = "None", node: str = "", number: int = 1, job: str = "7") -> str:
    """squeue's line on task `index` of submission `number`."""
    return f"hypo-{number}-0|{index + 100}|{job}|{index}|{state}|{reason}|{node}"


def log(submission: Submission, index: int, *lines: str) -> Path:
    """Write what a task of the submission's first array printed."""
    path = submission.log(submission.arrays[0], index)
    assert path is not None
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def cancelled(why: str = "") -> str:
    """What Slurm writes into the log of a job that it ends."""
    return f"slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:40:00{why and ' DUE TO '}{why} ***"


def says(cell: Cell) -> tuple[str, str, str]:
    """State, reason and cause of a run, as the status tells them."""
    return cell.state, cell.reason, cell.cause
