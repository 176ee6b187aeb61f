"""All cells of a sweep at one moment, from its folder alone and what Slurm says."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hypo.runs import sweep as sweep_directory
from hypo.runs.lock import holder, is_held
from hypo.runs.sweep import Record
from hypo.settings.errors import InputError
from launchers.watching.cells import Cell, look
from launchers.watching.sightings import sightings


@dataclass(frozen=True)
class Moment:
    """A sweep as it was.

    Attributes:
        cells: by the name of the run directory, prerequisites before those that need them.
        notes: what the states could not be taken from.
    """

    cells: Mapping[str, Cell]
    notes: Sequence[str]

    @property
    def is_complete(self) -> bool:
        """Whether every run has its result."""
        return all(cell.state == "done" for cell in self.cells.values())

    @property
    def is_at_work(self) -> bool:
        """Whether anything is queued or running."""
        return any(cell.state in ("queued", "running") for cell in self.cells.values())


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep as it was planned.

    Attributes:
        folder: `outputs/sweeps/<id>`. command: what was typed.
        records: by the name of the run directory, prerequisites before those that need them.
    """

    folder: Path
    command: str
    records: Mapping[str, Record]

    @property
    def sweep_id(self) -> str:
        """The name of the folder."""
        return self.folder.resolve().name

    @property
    def runs(self) -> Path:
        """The folder of the run directories."""
        return self.folder.resolve().parent.parent / "runs"

    def now(self, before: Moment | None = None) -> Moment:
        """What each run is doing; those that were done `before` are not looked at again."""
        has_slurm = shutil.which("squeue") is not None
        seen = sightings(self.runs.parent, self.records, ask=has_slurm)
        cells: dict[str, Cell] = {}
        for name, record in self.records.items():
            known = before.cells[name] if before else None
            done = known is not None and known.state == "done"
            cells[name] = known if known and done else look(self.runs, record, seen.get(name), cells)
        turn = self._whose_turn()
        if turn:
            for name, cell in cells.items():
                if cell.state in ("missing", "interrupted"):
                    cells[name] = replace(cell, state="queued", reason=turn, cause="")
        faults = {sighting.fault for sighting in seen.values()} - {""}
        notes = [
            f"Slurm did not answer ({fault}): what has no result may be queued or running." for fault in faults
        ]
        if seen and not has_slurm:
            notes = ["Slurm was not asked, there is no squeue on this machine: states are from files alone."]
        return Moment(cells, notes)

    def _whose_turn(self) -> str:
        """What runs wait for that a process of one machine goes through; "" when none does."""
        lock = self.folder / sweep_directory.AT_WORK
        who = holder(lock)
        return f"its turn in process {who.get('pid')} on {who.get('host')}" if is_held(lock) else ""


def planned_sweep(folder: Path) -> PlannedSweep:
    """Read what a sweep's folder says of its plan.

    Raises:
        InputError: when it is broken or lacks its runs.
    """
    content = sweep_directory.read(folder)
    records = sweep_directory.records(folder)
    if not records or not records.keys() >= set(content["runs"]):
        raise InputError(f"{folder / 'runs.jsonl'} is missing or unreadable: repeat the sweep's command")
    sweep = PlannedSweep(folder, str(content.get("command")), records)
    if not sweep.runs.is_dir():
        raise InputError(
            f"{folder} names runs that lie in {sweep.runs}, which is not there: copy the outputs whole"
        )
    return sweep
