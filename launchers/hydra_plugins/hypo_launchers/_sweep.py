"""A sweep as all launchers see it: composed and checked as a whole, each run once."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from hypo.atomic import write_atomically
from hypo.config import job_from_config
from hypo.errors import InputError
from hypo.identity import SCHEMA, short_hash
from hypo.job import Job


@dataclass(frozen=True)
class Sweep:
    """The jobs of one sweep.

    Attributes:
        jobs: each run once, in the order typed.
        cells: the run id of each combination that was typed, duplicates included.
    """

    jobs: tuple[Job, ...]
    cells: tuple[str, ...]

    @cached_property
    def sweep_id(self) -> str:
        """A hash of the runs it holds: the same sweep, typed again, is the same sweep."""
        return short_hash(sorted(job.run_id for job in self.jobs))

    @property
    def directory(self) -> Path:
        """Where the sweep's own files lie."""
        return self.jobs[0].runs.parent / "sweeps" / self.sweep_id

    def missing(self) -> list[Job]:
        """The jobs that have no valid result yet; one that is there and broken is not overwritten, but fails."""
        return [job for job in self.jobs if not is_done(job)]

    def create(self) -> None:
        """Freeze every job's config in its run directory, and write down which runs belong together."""
        for job in self.jobs:
            job.create()
        content = {
            "schema": SCHEMA,
            "sweep_id": self.sweep_id,
            "command": shlex.join(["python", "-m", "hypo.run", *sys.argv[1:]]),
            "runs": [job.directory.path.name for job in self.jobs],
        }
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            write_atomically(self.directory / "sweep.json", (json.dumps(content, indent=2) + "\n").encode())
        except OSError as error:
            raise InputError(f"output_dir: cannot write {self.directory}: {error.strerror or error}") from None


def is_done(job: Job) -> bool:
    """Whether it has a valid result."""
    try:
        return job.directory.result() is not None
    except InputError:
        return False


def compose(loader: ConfigLoader, master: DictConfig, grid: Sequence[Sequence[str]]) -> Sweep:
    """Compose and check every job of a sweep, before any of them starts.

    Raises:
        InputError: for the first cell that is wrong, naming the setting and the cell.
    """
    jobs = list(_jobs(loader, master, grid))
    folders = {job.runs.parent for job in jobs}
    if len(folders) > 1:
        raise InputError(f"output_dir: a sweep has one, got {', '.join(map(str, sorted(folders)))}")
    distinct: dict[str, Job] = {}
    for job in jobs:
        distinct.setdefault(job.run_id, job)
    return Sweep(tuple(distinct.values()), cells=tuple(job.run_id for job in jobs))


def _jobs(loader: ConfigLoader, master: DictConfig, grid: Sequence[Sequence[str]]) -> Iterator[Job]:
    for cell in grid:
        config = loader.load_sweep_config(master, list(cell))
        try:
            job = job_from_config(config, config.hydra.runtime.choices, config.hydra.overrides.task)
            job.experiment.check()
        except InputError as error:
            raise InputError(f"{error} (in the job {' '.join(cell)})") from None
        yield job
