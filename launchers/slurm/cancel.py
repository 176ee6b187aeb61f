"""Take a sweep out of Slurm's hands."""

from __future__ import annotations

from collections.abc import Iterator

from hypo.runs.lock import holder
from launchers.watching import cluster
from launchers.watching.moment import Moment, PlannedSweep

_BATCH = 500
"""Jobs a command line; ten thousand would be refused as too long."""


def cancel(sweep: PlannedSweep, moment: Moment) -> Iterator[str]:
    """Cancel the jobs of all cells that are queued or running, and say line by line what was done.

    What runs outside Slurm is not touched, but named.

    Raises:
        SlurmError: when scancel fails.
    """
    jobs = {}
    outside = []
    # Backwards, and those that wait first: what needs a run is cancelled before Slurm can start or drop it.
    for cell in reversed(list(moment.cells.values())):
        if cell.state == "done":
            continue
        if cell.job is not None and cell.job.is_active:
            jobs[cell.job.job] = cell.job.state == "PENDING"
        elif cell.state == "running":
            outside.append(cell)
    ordered = sorted(jobs, key=lambda job: not jobs[job])
    for first in range(0, len(ordered), _BATCH):
        cluster.call("scancel", "--quiet", *ordered[first : first + _BATCH])
    waited = sum(jobs.values())
    if jobs:
        yield f"Cancelled {len(jobs)} jobs: {waited} that waited, {len(jobs) - waited} that ran."
    else:
        yield "Nothing was cancelled: no job is known to have a run of this sweep."
    for cell in reversed(outside):
        who = holder(sweep.runs / cell.name / ".lock")
        pid, host = who.get("pid", "?"), who.get("host", "?")
        yield f"{cell.name} runs outside Slurm; to stop it, on {host}: kill -INT {pid}"
    if outside:
        yield "Ctrl-C where such a sweep was started stops all of it."
