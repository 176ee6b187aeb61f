"""One audit: a job like any other, with what it finds told at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from hypo.auditing import composing
from hypo.auditing.page import write
from hypo.auditing.progress import observer
from hypo.auditing.summary import summary
from hypo.jobs.attempt import attempt
from hypo.jobs.job import Job

PAGE = "audit.html"
"""What the page in the run directory is called."""


def audited(words: Sequence[str], page: Path | None, console: Console) -> int:
    """Do what is missing of the audit that `words` describe, write its page, and return the exit code.

    Args:
        words: settings, each `key=value`.
        page: where the page goes; None for the run directory.

    Raises:
        InputError, HydraException, OmegaConfBaseException: for what cannot be used, before anything starts.
        KeyboardInterrupt, SystemExit: when it is stopped; the same words go on from there.
    """
    job = composing.job(words)
    job.experiment.check()
    for needed in job.prerequisites:
        needed.experiment.check()
    console.print(f"{job.name}  {job.run_id}", highlight=False)
    result = measured(job, console)
    if result is None:
        return 1
    written = write(job.directory.path, page or job.directory.path / PAGE)
    for part in summary(result):
        console.print(part, highlight=False, soft_wrap=isinstance(part, str))
    console.print(f"The page: {written}", highlight=False, soft_wrap=True)
    console.print(f"The run lies in {job.directory}", highlight=False, soft_wrap=True)
    return 0


def measured(job: Job, console: Console) -> dict[str, Any] | None:
    """The result of `job`, after doing what is missing of it; None, and a line why, when that fails."""

    def doing() -> str:
        left = job.to_be_measured
        return f"measuring {left[0]}" if left else "attacking"

    with observer(console, doing) as told:
        for needed in job.in_order:
            outcome = attempt(needed, told)
    if outcome.state == "done":
        return job.directory.result()
    Console(stderr=True).print(f"{outcome.state}: {outcome.reason}", highlight=False, soft_wrap=True)
    return None
