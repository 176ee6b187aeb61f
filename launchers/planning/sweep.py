"""A sweep as all launchers see it: composed and checked as a whole, each run once, what others need first."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from hypo.jobs.job import Job
from hypo.runs import status as run_status
from hypo.runs import sweep as sweep_directory
from hypo.runs.lock import Lock
from hypo.settings.errors import InputError, LockedError
from hypo.settings.identity import run_id, short_hash, training_id
from launchers.planning.compose import Composer


@dataclass(frozen=True)
class Sweep:
    """The jobs of one sweep.

    Attributes:
        jobs: each run once, in the order typed, and before each run the prerequisites that it needs.
        cells: the run id of each combination that was typed, duplicates included.
        given_id: its id where that is not to depend on all of its runs, because more of them come to it.
        given_up: the run ids of those that failed and are not tried again.
    """

    jobs: tuple[Job, ...]
    cells: tuple[str, ...]
    given_id: str | None = None
    given_up: frozenset[str] = frozenset()

    @cached_property
    def sweep_id(self) -> str:
        """A hash of the runs it holds: the same sweep, typed again, is the same sweep."""
        return self.given_id or short_hash(sorted(job.run_id for job in self.jobs))

    @property
    def directory(self) -> Path:
        """Where the sweep's own files lie."""
        return self.jobs[0].runs.parent / "sweeps" / self.sweep_id

    def missing(self, retry_failed: bool) -> list[Job]:
        """The jobs that have no valid result yet; one that is there and broken is not overwritten, but fails.

        Args:
            retry_failed: whether those that failed before are among them.
        """
        return [
            job
            for job in self.jobs
            if job.run_id not in self.given_up and not is_done(job) and (retry_failed or not has_failed(job))
        ]

    def with_more(self, more: Sweep) -> Sweep:
        """This sweep with the jobs of `more` after its own, under the id that this one has."""
        distinct = {job.run_id: job for job in self.jobs}
        for job in more.jobs:
            earlier = distinct.get(job.run_id)
            distinct[job.run_id] = earlier.measuring_too(job) if earlier else job
        jobs, cells = tuple(in_order(distinct)), self.cells + more.cells
        return replace(self, jobs=jobs, cells=cells, given_id=self.sweep_id)

    def create(self) -> None:
        """Write down which runs belong together, with every config as it was composed."""
        asked_for = set(self.cells)
        records: dict[bool, list[Any]] = {True: [], False: []}
        for job in self.jobs:
            records[job.run_id in asked_for].append(job.record)
        command = shlex.join(["python", "-m", "hypo.run", *sys.argv[1:]])
        sweep_directory.write(self.directory, command, records[True], prerequisites=records[False])

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let others see that this process goes through the jobs, and will come to those it has not begun."""
        with ExitStack() as held:
            with suppress(LockedError):  # another process may do the same: each run has a lock of its own
                held.enter_context(Lock(self.directory / sweep_directory.AT_WORK))
            yield


def waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """`jobs` in groups: no job needs another of its own group or of a later one.

    Of those that share a trained model the first trains it, and the others come after.
    """
    depth: dict[str, int] = {}
    trainer: dict[str, str] = {}
    groups: list[list[Job]] = []
    for job in jobs:
        before = [needed.run_id for needed in job.prerequisites]
        before.append(trainer.setdefault(training_id(job.experiment), job.run_id))
        depth[job.run_id] = 1 + max(depth.get(run_id, -1) for run_id in before)
        groups.extend([] for _ in range(1 + depth[job.run_id] - len(groups)))
        groups[depth[job.run_id]].append(job)
    return groups


def is_done(job: Job) -> bool:
    """Whether it has a valid result with all its measurements."""
    try:
        return job.is_done
    except InputError:
        return False


def has_failed(job: Job) -> bool:
    """Whether its last attempt failed, so that only a new one can change that."""
    return run_status.read(job.directory.path).get("state") == "failed"


def compose(loader: Any, master: DictConfig, grid: Sequence[Sequence[str]], *, here: bool = True) -> Sweep:
    """Compose and check every job of a sweep, before any of them starts.

    Args:
        here: whether they are to run on this machine, where their data have to be, or are only planned here.

    Raises:
        InputError: for the first cell that is wrong, naming the setting and the cell.
    """
    composer = Composer(loader, master)
    cells: list[str] = []
    distinct: dict[str, Job] = {}
    folders: set[Path] = set()
    warned: dict[str, None] = {}
    for overrides in grid:
        try:
            job = composer.job(overrides)
            for planned in job.in_order:
                if earlier := distinct.get(planned.run_id):
                    planned = earlier.measuring_too(planned)
                else:
                    warned |= dict.fromkeys(planned.experiment.check(here))
                distinct[planned.run_id] = planned
        except InputError as error:
            raise InputError(f"{error} (in the job {' '.join(overrides)})") from None
        cells.append(job.run_id)
        folders.add(job.runs.parent)
    for line in warned:
        print(f"warning: {line}", file=sys.stderr)
    if len(folders) > 1:
        raise InputError(f"output_dir: a sweep has one, got {', '.join(map(str, sorted(folders)))}")
    return Sweep(tuple(in_order(distinct)), tuple(cells))


def in_order(jobs: Mapping[str, Job]) -> Iterator[Job]:
    """`jobs` by run id, in their order, but each after those that it needs.

    That takes another look, since a run that was planned because of others may be asked itself for a measurement
    that needs some more. Runs that have a result may need each other.

    Raises:
        InputError: when two need each other of which none has a result.
    """
    placed: set[str] = set()

    def after_its_needs(job: Job, needing: tuple[Job, ...]) -> Iterator[Job]:
        if job.run_id in placed:
            return
        if job.run_id in (each.run_id for each in needing):
            if _has_result(job):
                return
            raise _circle(needing[-1], job)
        for needed in job.prerequisites:
            yield from after_its_needs(jobs[needed.run_id], (*needing, job))
        placed.add(job.run_id)
        yield job

    for job in jobs.values():
        yield from after_its_needs(job, ())


def _has_result(job: Job) -> bool:
    with suppress(InputError):
        return job.directory.lacking({}) == []
    return False


def _circle(job: Job, needed: Job) -> InputError:
    key = next(
        key for key, several in job.experiment.needs.items() if needed.run_id in (run_id(each) for each in several)
    )
    return InputError(
        f"{key}: {job.label} and {needed.label} need each other's model; leave it out until these have a result"
    )
