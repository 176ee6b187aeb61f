"""Round after round: run what was chosen, look at what came out, choose again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from hypo.runs.atomic import write_atomically
from hypo.settings.errors import InputError
from hypo.settings.identity import short_hash
from launchers.front import words
from launchers.front.choosing import Choice, choose
from launchers.front.methods import Words, methods, names
from launchers.front.steps import Step, steps
from launchers.planning.report import Report
from launchers.planning.sweep import Sweep, has_failed, is_done

LOG = "front.log"
"""In the folder of the sweep: every choice with its reason, and how it ended."""


@runtime_checkable
class Launching(Protocol):
    """What a launcher has to be able to do."""

    def compose(self, job_overrides: Sequence[Words]) -> Sweep:
        """The sweep of these cells, checked; InputError when something is wrong."""
        ...

    def run(self, sweep: Sweep) -> Report:
        """Run what is missing of a sweep."""
        ...


@dataclass(frozen=True)
class Aim:
    """What is asked for.

    Attributes:
        gap: how far one λ may lie from the next, in points of either risk, > 0.
        budget: how many runs the sweep may have, those that are done already among them.
    """

    gap: float
    budget: int


class Front:
    """A sweep that grows."""

    def __init__(self, launcher: Launching, first: Sequence[Words], aim: Aim) -> None:
        """Compose and check the cells to begin with.

        Raises:
            InputError: when something is wrong with them, or they are more than the budget.
        """
        self._launcher, self._aim = launcher, aim
        sweep = launcher.compose(first)
        jobs = {job.run_id: job for job in sweep.jobs}
        self._methods = methods(first, [jobs[run_id] for run_id in sweep.cells])
        self._names = names(self._methods)
        # It is what it begins with: its folder, and its group in W&B, hold all that comes to it.
        self._sweep = replace(sweep, given_id=short_hash(["front", *sorted(jobs)]))
        self._lines: list[str] = []
        if self._runs > aim.budget:
            raise InputError(
                f"hydra.sweeper.budget: takes at least the {self._runs} runs to begin with, got {aim.budget}"
            )

    def run(self) -> bool:
        """Run until there is nothing more to choose, or the launcher leaves; whether no run has failed."""
        while self._run_round():
            steps_of = self._look()
            choices = choose(steps_of, [len(method.cells) for method in self._methods], self._left)
            if not choices:
                return self._end(steps_of)
            self._say(f"Front: {self._runs} runs of at most {self._aim.budget} so far, next")
            for choice in choices:
                self._say(f"  {words.reason(self._names[choice.method], choice)}")
            self._add(choices)
        return True

    def _run_round(self) -> bool:
        """Run what has no result yet; False where the launcher left before the end, for others to go on."""
        missing = self._sweep.missing(retry_failed=True)
        if not missing:
            return True
        report = self._launcher.run(self._sweep)
        report.settle()
        left = [job for job in missing if not is_done(job)]
        under_way = [job for job in left if not has_failed(job)]
        if under_way and not report.awaited:
            self._say(
                f"Front: {words.without_result(len(under_way))}, and with hydra.launcher.wait=true it stays until "
                "the end"
            )
            return False
        self._sweep = replace(self._sweep, given_up=self._sweep.given_up | {job.run_id for job in left})
        return True

    def _look(self) -> list[list[Step]]:
        """The steps of each method by now; what has no result is said once."""
        found = []
        for name, method in zip(self._names, self._methods, strict=True):
            points, lost = method.measured()
            for line in (words.lost(name, lambda_, why) for lambda_, why in lost.items()):
                if line not in self._lines:
                    self._say(line)
            found.append(steps(points, self._aim.gap, lost))
        return found

    def _add(self, choices: Sequence[Choice]) -> None:
        """Compose what was chosen, and make it part of the sweep."""
        chosen = [
            (method, cell)
            for choice in choices
            for method in [self._methods[choice.method]]
            for cell in method.cells_at(choice.lambda_)
        ]
        more = self._launcher.compose([cell for _, cell in chosen])
        jobs = {job.run_id: job for job in more.jobs}
        for (method, cell), run_id in zip(chosen, more.cells, strict=True):
            method.add(cell, jobs[run_id])
        self._sweep = self._sweep.with_more(more)

    def _end(self, steps_of: Sequence[Sequence[Step]]) -> bool:
        """Print the table of all runs and what gaps are left; whether no run has failed."""
        self._sweep.create()
        report = Report(self._sweep)
        report.end()
        self._say(f"Front: {self._runs} runs of at most {self._aim.budget}, nothing more to choose")
        for name, of_method in zip(self._names, steps_of, strict=True):
            self._say(f"  {words.left(name, of_method, self._aim.gap)}")
        return not report.failed

    def _say(self, line: str) -> None:
        """Print a line, and keep it beside the sweep once that has a folder."""
        self._lines.append(line)
        Report(self._sweep).line(line)
        if self._sweep.directory.is_dir():
            write_atomically(self._sweep.directory / LOG, "".join(f"{each}\n" for each in self._lines).encode())

    @property
    def _runs(self) -> int:
        return len(set(self._sweep.cells))

    @property
    def _left(self) -> int:
        return self._aim.budget - self._runs
