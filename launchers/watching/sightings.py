"""Where runs were submitted to last, and what Slurm says of their jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from launchers.watching import cluster
from launchers.watching.cluster import ClusterJob, SlurmError
from launchers.watching.submission import Submission, submissions

NEVER = "DependencyNeverSatisfied"
"""Slurm's reason for a job whose prerequisite failed, in the queue and after it was dropped from it."""


@dataclass(frozen=True)
class Sighting:
    """Where a run was last submitted to, and what Slurm says of its task there, or why it says nothing.

    Attributes:
        log: what its job prints; None when sbatch did not say which job that is.
        needs: the runs that its job waits for.
        job: None when Slurm does not know it.
        fault: why Slurm did not answer, or "".
        asked: whether Slurm was asked.
    """

    submission: Submission
    log: Path | None
    needs: Sequence[str]
    job: ClusterJob | None
    fault: str
    asked: bool = True


def sightings(outputs: Path, names: Iterable[str], ask: bool = True) -> dict[str, Sighting]:
    """The latest submission of each run, of whichever sweep; without `ask` from files alone."""
    wanted = set(names)
    found = [
        (submission, array, index, run)
        for submission in map(_where_it_lies, submissions(outputs))
        for array in submission.arrays
        for index, runs in enumerate(array.tasks)
        for run in runs
        if run in wanted
    ]
    fault = ""
    known: dict[tuple[str, int], ClusterJob] = {}
    if found and ask:
        # sacct reads a time as one of this machine's own zone.
        since = datetime.fromisoformat(found[0][0].created_at).astimezone().isoformat()
        try:
            known = cluster.jobs({array.name for _, array, _, _ in found}, since)
        except SlurmError as error:
            fault = str(error)
    latest: dict[str, Sighting] = {}
    for submission, array, index, run in found:
        before = latest.get(run)
        if before is None or before.job is None or not _will_run(before.job):
            job, log = known.get((array.name, index)), submission.log(array, index)
            latest[run] = Sighting(submission, log, array.needs, job, fault, ask)
    return latest


def _where_it_lies(submission: Submission) -> Submission:
    """`submission` with its logs beside it, where the folder that they were written to is on another machine."""
    return submission if submission.logs.is_dir() else replace(submission, logs=submission.folder / "logs")


def _will_run(job: ClusterJob) -> bool:
    return job.is_active and job.reason != NEVER
