"""Why a job of Slurm's ended, from what Slurm itself wrote into the job's log; needs no accounting."""

from __future__ import annotations

import re
from pathlib import Path

from hypo.runs.outcome import Outcome
from hypo.runs.status import last_lines

BEGIN = "hypo: restart"
"""How each start of a job begins in the log; what stands before the last one is about earlier starts."""

KILLED = "hypo: killed"
"""What the batch script writes when its process was killed from outside, and nobody had cancelled the job."""

_CAUSES = {
    "PREEMPTION": Outcome("interrupted", "preempted", "preempted"),
    "JOB REQUEUE": Outcome("interrupted", "requeued by hand or by Slurm", "preempted"),
    "TIME LIMIT": Outcome("interrupted", "the time limit was reached", "time-out"),
    "NODE FAILURE": Outcome("interrupted", "its node failed", "node failure"),
    "": Outcome("interrupted", "cancelled", "cancelled"),
}

_STATES = {
    "TIMEOUT": _CAUSES["TIME LIMIT"],
    "DEADLINE": _CAUSES["TIME LIMIT"],
    "PREEMPTED": _CAUSES["PREEMPTION"],
    "NODE_FAIL": _CAUSES["NODE FAILURE"],
    "BOOT_FAIL": _CAUSES["NODE FAILURE"],
    "CANCELLED": _CAUSES[""],
    "OUT_OF_MEMORY": Outcome("failed", "out of memory", "out of memory"),
}


def why_ended(log: Path, before_restart: int | None = None) -> Outcome | None:
    """How the latest start of a job ended, or with `before_restart` the start before that one.

    None where nothing was written: its node failed, or it ended by itself.
    """
    starts = "\n".join(last_lines(_errors(log))).split(BEGIN)
    if before_restart is not None and starts[-1].startswith(f" {before_restart} "):
        starts.pop()
    said = "".join(starts[-1:])
    if KILLED in said:
        return Outcome("interrupted", "killed", "killed")
    if "srun: error: Node failure" in said:
        return _CAUSES["NODE FAILURE"]
    found = re.findall(r"\*\*\* (?:JOB|STEP) .* CANCELLED AT \S+?(?: DUE TO ([A-Z ]+?))? \*\*\*", said)
    return _CAUSES.get(found[-1]) if found else None


def printed(log: Path) -> list[str]:
    """The last lines of what a job printed, its errors last."""
    errors = _errors(log)
    return last_lines(log) if errors == log else [*last_lines(log), *last_lines(errors)]


def _errors(log: Path) -> Path:
    """Where Slurm and Python complain: with `stderr_to_stdout=false` a file of its own."""
    apart = log.with_suffix(".err")
    return apart if apart.exists() else log


def of_state(state: str) -> Outcome | None:
    """What the last state of a job says, where it says more than that it failed."""
    return _STATES.get(state)
