"""What a run shows while it works and when it is done: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hypo.command_line.result_tables import number_lines, result_table, searches_table
from hypo.jobs.attempt import attempt
from hypo.jobs.job import Job
from hypo.jobs.observer import Observer
from hypo.runs.lock import Claim
from hypo.runs.status import of_earlier_version

QUIET = 30.0
"""Seconds that an evaluation may take without a line where there are no bars."""


ATTACKING = "attacking"
"""What is done before anything else is measured."""


@dataclass
class Lines:
    """An observer that prints a line every tenth of the epochs, and of a long evaluation one now and then.

    Attributes:
        clock: seconds since any time.
    """

    console: Console
    clock: Callable[[], float] = time.monotonic
    _doing: str = ATTACKING
    _found: str = ""
    _total: int = -1
    _done: int = 0
    _began_at: float = 0.0
    _began_with: int = 0
    _spoke_at: float = 0.0

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """Print the row when its turn has come."""
        epoch = int(row["epoch"])
        if epoch == epochs or epoch % max(1, epochs // 10) == 0:
            self.console.print(f"epoch {epoch} of {epochs}: loss {row['loss']:.4f}", highlight=False)

    def evaluating(self, done: int, total: int) -> None:
        """Print a line where there was none for half a minute, or a tenth of the time that it takes already."""
        now = self.clock()
        if total != self._total or done < self._done:  # another attack
            self._total, self._began_at, self._began_with, self._spoke_at = total, now, done, now
        self._done = done
        took = now - self._began_at
        if done == total:
            self._found = ""
        elif now - self._spoke_at >= max(QUIET, took / 10) and done > self._began_with:
            rest = timedelta(seconds=round(took * (total - done) / (done - self._began_with)))
            text = f"{self._doing}: {100 * done / total:.1f} % is done{self._found}; about {rest} left"
            self.console.print(text, highlight=False)
            self._spoke_at = now

    def measuring(self, name: str) -> None:
        """Said with every line from now on; it is timed by itself."""
        self._doing, self._found, self._total = f"measuring {name}", "", -1

    def decided(self, examples: int, total: int) -> None:
        """Said with the next line."""
        self._found = f", {examples:,} of {total:,} examples are decided"


@dataclass
class Bars:
    """An observer that moves the bars of `progress`, one for training and one for evaluation."""

    progress: Progress
    tasks: dict[str, TaskID] = field(default_factory=dict)
    _doing: str = ATTACKING
    _found: str = ""

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """Move the training bar."""
        self._move(f"training, loss {row['loss']:.4f}", "training", int(row["epoch"]), epochs)

    def evaluating(self, done: int, total: int) -> None:
        """Move the evaluation bar."""
        self._move(f"{self._doing}{self._found}", self._doing, done, total)
        if done == total:
            self._found = ""

    def measuring(self, name: str) -> None:
        """From now on another bar, in the place of the one before."""
        if self._doing in self.tasks:
            self.progress.update(self.tasks[self._doing], visible=False)
        self._doing, self._found = f"measuring {name}", ""

    def decided(self, examples: int, total: int) -> None:
        """Said beside the evaluation bar."""
        self._found = f", {examples:,} of {total:,} decided"

    def _move(self, text: str, key: str, done: int, total: int) -> None:
        if key not in self.tasks:
            # What an earlier attempt did says nothing of how fast this one is.
            self.tasks[key] = self.progress.add_task(text, total=total, completed=done)
        self.progress.update(self.tasks[key], completed=done, total=total, description=text)


def bars(console: Console) -> Progress:
    """A display of progress bars that vanishes when it is done."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
    )


@contextmanager
def observing(console: Console) -> Iterator[Observer]:
    """Who shows on `console` how a run is getting on: bars on a terminal, lines elsewhere."""
    if console.is_terminal:
        with bars(console) as progress:
            yield Bars(progress)
    else:
        yield Lines(console)


def run_one(job: Job, claim: Claim | None = None) -> int:
    """Attempt `job`, after what it needs, print its result and where it lies; returns the exit code."""
    console = Console()
    for needed in job.prerequisites:
        console.print("First the run whose model is needed:", end=" ")
        run_one(needed, Claim(wait=True))  # when it fails, the run that needs it will say so
    console.print(f"{job.name}  {job.run_id}", highlight=False)
    if job.directory.status().get("state") == "queued" and (line := of_earlier_version(job.runs)):
        console.print(line, highlight=False, soft_wrap=True)
    if names := job.to_be_measured:
        console.print(f"Trained and attacked already; to be measured: {', '.join(names)}", highlight=False)
    with observing(console) as observer:
        outcome = attempt(job, observer, claim=claim)
    result = job.directory.result() if outcome.state == "done" else None
    if result is None:
        Console(stderr=True).print(f"{outcome.state}: {outcome.reason}", highlight=False, soft_wrap=True)
        return 1
    if not outcome.trained:
        console.print("This run was done already; nothing was trained.")
    if trained_in := job.directory.status().get("trained_in"):
        console.print(f"The model was trained in {trained_in}.", highlight=False, soft_wrap=True)
    console.print(result_table(result))
    if len(result.get("searches", ())) > 1:
        console.print(searches_table(result))
    for line in number_lines(result):
        console.print(line, highlight=False, soft_wrap=True)
    for name, finding in result["findings"].items():
        for curve in finding["curves"]:
            shown = f"python -m analysis curves {job.runs.parent} --of {name}.{curve['name']}"
            console.print(f"{finding['title']}, {curve['about']}: {shown}", highlight=False, soft_wrap=True)
    console.print(f"The run lies in {job.directory}", highlight=False, soft_wrap=True)
    return 0
