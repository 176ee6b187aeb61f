"""One audit: a job like any other, with what it finds told at the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from hypo.auditing import composing, normalising
from hypo.auditing.page import write
from hypo.auditing.summary import summary
from hypo.command_line.console import observing
from hypo.jobs.attempt import attempt
from hypo.jobs.job import Job
from hypo.jobs.loaded import form
from hypo.runs.lock import Claim
from hypo.runs.outcome import Outcome

PAGE = "audit.html"
"""What the page in the run directory is called."""


def audited(
    words: Sequence[str], preprocessing: str | None, page: Path | None, console: Console, typed: str = ""
) -> int:
    """Do what is missing of the audit that `words` describe, write its page, and return the exit code.

    Args:
        words: settings, each `key=value`.
        preprocessing: one of `normalising.NAMES`; None where nothing is known, or `words` say it.
        page: where the page goes; None for the run directory.
        typed: the command that was typed, which the page shows.

    Raises:
        InputError, HydraException, OmegaConfBaseException: for what cannot be used, before anything starts.
        KeyboardInterrupt, SystemExit: when it is stopped; the same words go on from there.
    """
    job = prepared(words, preprocessing, console)
    console.print(f"{job.name}  {job.run_id}", highlight=False)
    outcome = measured(job, console)
    result = job.directory.result() if outcome.state == "done" else None
    if result is None:
        Console(stderr=True).print(f"{outcome.state}: {outcome.reason}", highlight=False, soft_wrap=True)
        return 1
    if typed and "typed" not in job.directory.status():
        job.directory.update_status(typed=typed, typed_in=str(Path.cwd()))
    written = write(job.directory.path, page or job.directory.path / PAGE)
    for part in summary(result):
        console.print(part, highlight=False, soft_wrap=isinstance(part, str))
    console.print(f"The page: {written}", highlight=False, soft_wrap=True)
    console.print(f"The run lies in {job.directory}", highlight=False, soft_wrap=True)
    return 0


def prepared(words: Sequence[str], preprocessing: str | None, console: Console) -> Job:
    """The job of `words`, looked at: what cannot be measured is refused, what is not known is asked for."""
    job = composing.job(words)
    is_foreign = hasattr(job.experiment.arch, "probe")
    if getattr(job.experiment.dataset, "fit", "squash") == "crop":
        told = "Images are the centres of the files, as ImageNet is prepared; dataset.fit=squash takes all of each"
        console.print(told, highlight=False, soft_wrap=True)
    if preprocessing is not None:
        shape, _ = form(job.experiment.dataset, here=True)
        job = composing.job([*words, *normalising.named(preprocessing, shape[0])])
    if job.is_done:
        return job
    if is_foreign:
        console.print("Looking at the model, and at how images are normalised for it", highlight=False)
    warnings = _checked(job)
    if is_foreign:
        fits = normalising.tried(job.experiment)
        if chosen := normalising.asked(fits):
            job = composing.job([*words, *chosen])
            warnings = [] if job.is_done else _checked(job)  # of the model as it is to be taken
        elif fits.warning:
            warnings.append(fits.warning)
    for line in warnings:
        print(f"warning: {line}", file=sys.stderr)
    return job


def _checked(job: Job) -> list[str]:
    """Lines on what is not to be taken at its word; InputError for what would fail later."""
    return [line for needed in job.in_order for line in needed.experiment.check()]


def measured(job: Job, console: Console) -> Outcome:
    """How the attempt ended to do what is missing of `job`; `console` is told how far it is.

    Raises:
        KeyboardInterrupt, SystemExit: as of `attempt`.
    """
    with observing(console) as observer:
        for needed in job.prerequisites:
            attempt(needed, observer, claim=Claim(wait=True))  # when it fails, the run that needs it will say so
        return attempt(job, observer)
