"""What each run of a sweep is doing: from its own files first, and for the rest from Slurm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypo.runs.outcome import Outcome
from hypo.runs.sweep import Record
from launchers.watching.cluster import ClusterJob
from launchers.watching.evidence import Evidence
from launchers.watching.log import BEGIN
from launchers.watching.sightings import NEVER, Sighting, sightings

__all__ = ["Cell", "Sighting", "look", "sightings"]

UNFINISHED = ("failed", "interrupted", "missing")
"""The states of what has no result and will have none by itself."""


@dataclass(frozen=True)
class Cell:
    """One run.

    Attributes:
        state: done; running; queued (Slurm has it); failed; interrupted (it began, and nothing works on it any
            more); missing (it has not begun, and nothing will begin it).
        reason, cause: why it is not done, "" where there is nothing to say; see `outcome.CAUSES`.
        epoch, epochs: how far training is; 0 where unknown.
        attempts: how often it was begun.
        node: where it runs or ran last.
        beat: seconds since the last sign of life of a running one.
        seconds_left: estimated for a running one from its epochs so far; None where there is none yet.
        job: the one of Slurm's that has it, or had it last.
        log: the last lines that it printed, for one that did not go well.
    """

    name: str
    command: str
    state: str
    reason: str = ""
    cause: str = ""
    epoch: int = 0
    epochs: int = 0
    attempts: int = 0
    node: str = ""
    beat: float | None = None
    seconds_left: float | None = None
    job: ClusterJob | None = None
    log: Sequence[str] = ()


def look(runs: Path, record: Record, sighting: Sighting | None, others: Mapping[str, Cell] | None = None) -> Cell:
    """What one run is doing.

    Args:
        others: cells that are known already, by name; the run may have waited for one of them in vain.
    """
    seen = Evidence(runs / record["directory"], sighting, record.get("measured", {}))
    verdict = _verdict(seen, others or {})
    job, status = seen.job, seen.status
    last = seen.attempts[-1] if seen.attempts else {}
    recipe = record["config"].get("recipe") or {}
    running: dict[str, Any] = {}
    if verdict.state == "running":
        running = {"beat": seen.beat, "seconds_left": seen.seconds_left}
    return Cell(
        name=record["directory"],
        command=record["command"],
        state=verdict.state,
        reason=verdict.reason or "",
        cause=verdict.cause or "",
        epoch=status.get("epoch") or 0,
        epochs=status.get("epochs") or recipe.get("epochs") or 0,
        attempts=len(seen.attempts),
        node=(job.node if job else "") or last.get("node") or last.get("host") or "",
        job=job,
        log=seen.log if verdict.state in UNFINISHED else (),
        **running,
    )


def _verdict(seen: Evidence, others: Mapping[str, Cell]) -> Outcome:
    """The state of a run, one of those of `Cell`, with reason and cause."""
    fault = seen.fault_of_result
    if fault is not None:
        return Outcome("failed", fault, "bad data") if fault else Outcome("done")
    if seen.job is not None and seen.job.is_active:
        return _in_queue(seen, seen.job, others)
    if seen.state == "running" and seen.is_alive:
        return Outcome("running")
    since = None if seen.has_the_last_word else _since_submission(seen, others)
    if seen.state == "failed":
        return since if since is not None and since.state == "failed" else seen.ending
    if seen.sighting is not None and seen.sighting.fault:
        return Outcome("queued", f"not known: {seen.sighting.fault}")
    return since or seen.ending


def _in_queue(seen: Evidence, job: ClusterJob, others: Mapping[str, Cell]) -> Outcome:
    """A run whose job Slurm has."""
    if job.reason == NEVER and (needed := _failed_need(seen, others)):
        return needed
    # Packed with others in one job, it may have failed while they go on.
    if seen.state == "failed" and seen.is_of_job and not seen.is_tried_again:
        return seen.ending
    begun = seen.is_of_job and job.state in ("RUNNING", "COMPLETING")
    if seen.state == "running" and (begun or seen.is_alive):
        return Outcome("running")
    waits_for = job.reason if job.state == "PENDING" else "starting"
    before = f"; again, after: {seen.ending.reason}" if seen.attempts else ""
    return Outcome("queued", f"{waits_for}{before}")


def _since_submission(seen: Evidence, others: Mapping[str, Cell]) -> Outcome | None:
    """A run that was submitted after its last attempt, if at all; None where that attempt says all there is."""
    sighting, known = seen.sighting, seen.said_by_slurm
    begun = "interrupted" if seen.attempts else "missing"
    if sighting is None:
        return Outcome("missing", "not begun, not submitted")
    if needed := _failed_need(seen, others):
        return needed
    if known is not None:
        return Outcome(begun, known.reason, known.cause) if known.cause == "cancelled" else known
    if sighting.job is None and not seen.job_log:
        if not sighting.asked:
            return Outcome("queued", "submitted")
        gone = "cancelled before it began, or forgotten by Slurm"
        return Outcome(begun, gone if sighting.log else "sbatch did not take it")
    if seen.attempts and any(BEGIN in line for line in seen.job_log):
        return None
    said = [line.strip() for line in seen.job_log if line.strip()] or ["it printed nothing"]
    # srun has the last word, and only says that the task before it failed.
    last = [line for line in said if not line.startswith("srun: ")] or said
    return Outcome("failed", f"its job could not begin: {last[-1]}", "error")


def _failed_need(seen: Evidence, others: Mapping[str, Cell]) -> Outcome | None:
    """The failure of a run that waited for another one in vain; None when it did not."""
    dropped = seen.job is not None and seen.job.reason == NEVER
    for name in seen.sighting.needs if seen.sighting else ():
        needed = others.get(name)
        state = needed.state if needed else "not started"
        if state == "failed" or (dropped and state != "done"):
            reason = needed.reason if needed else "it has no result"
            why = f"needs the model of {name}, which is {state}: {reason}".rstrip(": ")
            return Outcome("failed", why, "prerequisite failed")
    return None
