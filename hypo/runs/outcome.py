"""How an attempt at a run ended, in words that a script can rely on."""

from __future__ import annotations

from dataclasses import dataclass

CAUSES = (
    "diverged",
    "out of memory",
    "bad data",
    "disk full",
    "error",
    "prerequisite failed",
    "interrupted",
    "cancelled",
    "time-out",
    "preempted",
    "node failure",
    "killed",
)
"""Why an attempt did not end with a result. Up to "prerequisite failed" another attempt would end the same."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        state: "done", "failed", "interrupted", or "running" when another process has the run.
        reason: one line, where it is not done.
        cause: one of `CAUSES`, where it is failed or interrupted.
        trained: whether this attempt did any work, or found the result there.
    """

    state: str
    reason: str | None = None
    cause: str | None = None
    trained: bool = True


STOPPED = 130
"""The exit code of a worker that was told to stop, and has noted it in the status of its run."""
