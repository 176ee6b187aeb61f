"""An outputs folder of schema 1 brought up to date: runs first, then what they share, then the sweeps.

All that there is to do is found out before any of it is done. Whatever it is stopped by, the same command goes on
from there: each run, and each file that runs share, is as it was or as it is to be, or is known as half done by
the file of it that is written last.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypo.migrate import files, shared
from hypo.migrate.disk import move, rewrite
from hypo.migrate.plan import SUPERSEDED, Found, Plan, plan
from hypo.migrate.settings import said
from hypo.migrate.sweeps import OldSweep, old_sweeps
from hypo.runs import status as run_status
from hypo.runs.directory import RunDirectory
from hypo.runs.lock import BEAT_SECONDS, holder, is_held, seconds_since_beat
from hypo.settings.errors import InputError, LockedError

_ALIVE_SECONDS = 4 * BEAT_SECONDS
"""How old a sign of life may be of a process on another machine, whose lock cannot always be seen."""


@dataclass
class Renewal:
    """What there is to do in an outputs folder.

    Attributes:
        pointers: files that say who trained what, and what they are to be called.
        crafted: crafted sets with their settings of today.
        left: what nothing is done to, and why.
    """

    outputs: Path
    runs: Plan
    sweeps: list[OldSweep]
    pointers: dict[Path, Path]
    crafted: dict[Path, Any]
    left: dict[Path, str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.runs.renewed or self.runs.superseded or self.sweeps or self.pointers or self.crafted)

    def lines(self) -> Iterator[str]:
        """What every run directory and sweep is called, and what it is to be called."""
        for run, by in self.runs.superseded:
            yield f"{run.directory.name} -> {SUPERSEDED}/{run.directory.name}: {_why(run, by)}"
        for run in self.runs.renewed:
            yield f"{run.directory.name} -> {run.name}"
        for sweep in self.sweeps:
            yield f"sweeps/{sweep.folder.name} -> sweeps/{sweep.to.name}"

    def carry_out(self, say: Callable[[str], None]) -> None:
        """Do it all; what cannot be done is left, and the rest goes on.

        Args:
            say: told, in a line, of each directory that is moved aside.
        """
        for run, by in self.runs.superseded:
            with self._leaving(run.directory), RunDirectory(run.directory).lock():
                move(run.directory, self.outputs / SUPERSEDED / run.directory.name)
                say(f"{run.directory.name} is in {SUPERSEDED}/ now: {_why(run, by)}")
        for run in self.runs.renewed:
            with self._leaving(run.directory), RunDirectory(run.directory).lock():
                _renew(run, self.runs.names)
        # Sweeps come last: their records say what the trainings were called of runs that are gone.
        for path, settings in self.crafted.items():
            with self._leaving(path):
                shared.renew_crafted(path, settings)
        for path, to in self.pointers.items():
            with self._leaving(path):
                shared.renew_pointer(path, to, self.runs.names)
        for sweep in self.sweeps:
            with self._leaving(sweep.folder):
                sweep.renew()

    def summary(self) -> str:
        """How much of everything there was, in a line; asked for afterwards, when all that is left is known."""
        runs = self.runs
        total = len(runs.renewed) + len(runs.superseded) + runs.up_to_date + len(runs.left)
        left = sum(path.parent.name == "runs" for path in self.left)
        renamed = sum(run.directory not in self.left for run in runs.renewed)
        superseded = sum(run.directory not in self.left for run, _ in runs.superseded)
        counts = {"superseded": superseded, "up to date already": runs.up_to_date, "left": left}
        rest = "".join(f", {count} {what}" for what, count in counts.items() if count)
        beside = {
            "training": self.pointers,
            "crafted set": self.crafted,
            "sweep": [sweep.folder for sweep in self.sweeps],
        }
        done = {what: sum(path not in self.left for path in each) for what, each in beside.items()}
        also = ", ".join(counted(count, what) for what, count in done.items() if count)
        return f"{counted(total, 'run')}: {renamed} renamed{rest}{f', and {also}' if also else ''}"

    @contextmanager
    def _leaving(self, path: Path) -> Iterator[None]:
        """Note what goes wrong with `path`, and go on."""
        try:
            yield
        except (LockedError, OSError, ValueError, KeyError, TypeError) as error:
            self.left[path] = said(error)


def counted(count: int, what: str) -> str:
    """A count with what is counted, in the singular where there is one."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def renewal(outputs: Path) -> Renewal:
    """What there is to do in `outputs`.

    Raises:
        InputError: when it is no outputs folder, or something in it is being run.
    """
    if not (outputs / "runs").is_dir():
        raise InputError(f"{outputs}: is no outputs folder, it has no folder runs in it")
    _check_idle(outputs)
    runs = plan(outputs)
    sweeps, left = old_sweeps(outputs, runs.of_run)
    trainings = dict(runs.trainings)
    for sweep in sweeps:
        trainings |= sweep.trainings
    crafted, left_crafted = shared.old_crafted(outputs, trainings)
    pointers = shared.old_pointers(outputs, trainings)
    return Renewal(outputs, runs, sweeps, pointers, crafted, {**runs.left, **left, **left_crafted})


def _renew(run: Found, names: dict[str, str]) -> None:
    """Bring a run directory up to date, config.yaml last, which says that it is."""
    assert run.settings is not None
    contents = files.renewed_files(run.directory, run.settings, names)
    config = contents.pop("config.yaml")
    before, after = files.PICTURE
    if (run.directory / before).exists():
        move(run.directory / before, run.directory / after)
    for name, content in contents.items():
        rewrite(run.directory / name, content)
    to = run.directory.with_name(run.name)
    move(run.directory, to)
    rewrite(to / "config.yaml", config)


def _why(run: Found, by: Found) -> str:
    more, lost = by.measured - run.measured, run.measured - by.measured
    has = "; that has the mistakes by target class too" if "targeted" in more else ""
    has += f"; what it has of {', '.join(sorted(lost))} is there alone" if lost else ""
    return f"it is the same run as {by.name}{has}"


def _check_idle(outputs: Path) -> None:
    """Refuse while a process is at work on anything in `outputs`."""
    patterns = ("runs/*/.lock", "sweeps/*/.at_work", "sweeps/.submitting", "trained/.*.lock", "crafted/.*.lock")
    for pattern in patterns:
        for lock in outputs.glob(pattern):
            if is_held(lock) or _is_alive_elsewhere(lock):
                who = holder(lock)
                process = f"process {who.get('pid', '?')} on {who.get('host', '?')}"
                raise InputError(f"{lock}: is held by {process}; migrate when nothing runs or is queued")


def _is_alive_elsewhere(lock: Path) -> bool:
    """Whether a run says that it is running on another machine, and its lock was touched a moment ago."""
    status, beat = run_status.read(lock.parent), seconds_since_beat(lock)
    elsewhere = status.get("state") == "running" and status.get("host") != socket.gethostname()
    return elsewhere and beat is not None and beat < _ALIVE_SECONDS
