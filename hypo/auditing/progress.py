"""How far an audit is: what it is doing, how much of that is done, and about how long the rest of it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, TaskID

from hypo.command_line.console import bars
from hypo.jobs.experiment import Observer

SECONDS = 10.0
"""Between two lines; a search of a minute says six times how far it is."""

Doing = Callable[[], str]
"""Asked what is being done, whenever something new begins."""


@contextmanager
def observer(console: Console, doing: Doing) -> Iterator[Observer]:
    """Who shows it: a bar on a terminal, lines elsewhere."""
    if console.is_terminal:
        with bars(console) as progress:
            yield _Bar(progress, progress.add_task(doing(), total=None), doing)
    else:
        yield Lines(console, doing)


@dataclass
class Lines:
    """An observer that prints a line when something begins, and every ten seconds while it goes on.

    That something new begins shows in a smaller share that is done.
    """

    console: Console
    doing: Doing
    name: str = ""
    began: float = 0.0
    told: float = 0.0
    share: float = 2.0
    begun_with: float = 0.0
    found: str = ""

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """Nothing is trained, but what a measurement needs, and that is short of words too."""

    def evaluating(self, done: int, total: int) -> None:
        """Print how far it is, when it is time for that."""
        share, now = done / max(total, 1), time.monotonic()
        if share < self.share and (name := self.doing()) != self.name:
            self.name, self.began, self.told = name, now, now - SECONDS
            # What an earlier attempt did says nothing of how fast this one is.
            self.begun_with, self.found = share, ""
        self.share = share
        if now - self.told < SECONDS:
            return
        self.told = now
        gone = share - self.begun_with
        left = (now - self.began) * (1 - share) / gone if gone > 0 else 0.0
        text = f"{self.name}: {100 * share:.0f} %{self.found}"
        self.console.print(text + (f", about {_spoken(left)} left" if left > SECONDS else ""), highlight=False)

    def decided(self, examples: int, total: int) -> None:
        """Said with the next line."""
        self.found = f", {examples:,} of {total:,} decided"


@dataclass
class _Bar:
    """An observer that moves one bar, which is called what is being done."""

    progress: Progress
    task: TaskID
    doing: Doing
    share: float = 2.0

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """Nothing is trained, but what a measurement needs."""

    def evaluating(self, done: int, total: int) -> None:
        """Move the bar."""
        share = done / max(total, 1)
        if share < self.share:
            self.progress.reset(self.task, description=self.doing(), total=total)
        self.share = share
        self.progress.update(self.task, completed=done, total=total)

    def decided(self, examples: int, total: int) -> None:
        """Say so beside the bar."""
        self.progress.update(self.task, description=f"{self.doing()}, {examples:,} of {total:,} decided")


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
