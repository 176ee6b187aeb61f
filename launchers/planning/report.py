"""What a sweep prints: its plan, each job as it finishes, and the table and curve at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hydra.core.utils import JobReturn, JobStatus
from rich.console import Console
from rich.progress import Progress, TaskID

from hypo.command_line.console import bars
from hypo.jobs.attempt import attempt
from hypo.jobs.job import Job
from hypo.jobs.observer import Observer
from hypo.runs.lock import Claim
from hypo.runs.outcome import Outcome
from hypo.runs.status import of_earlier_version
from launchers.planning.sweep import Sweep, is_done


@dataclass
class Report:
    """The account of one launch.

    Attributes:
        failed: the run ids that have no result at the end.
        awaited: whether the launcher stays until the runs have ended.
    """

    sweep: Sweep
    console: Console = field(default_factory=Console)
    failed: set[str] = field(default_factory=set)
    awaited: bool = True
    _elsewhere: list[Job] = field(default_factory=list)
    _finished: int = 0
    _missing: int = 0

    def plan(self, missing: Sequence[Job], how: str = "one after the other") -> None:
        """Print what is done and what will run."""
        self.expect(len(missing))
        jobs, typed = len(self.sweep.jobs), set(self.sweep.cells)
        counts = {"typed twice": len(self.sweep.cells) - len(typed), "needed by others first": jobs - len(typed)}
        extra = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        measured = sum(bool(job.to_be_measured) for job in missing)
        how = f"{how}, {measured} of those only to be measured" if measured else how
        self.line(
            f"Sweep {self.sweep.sweep_id}: {jobs} jobs{f' ({extra})' if extra else ''}, "
            f"{jobs - len(missing)} done, {len(missing)} to run{f', {how}' if missing else ''}"
        )
        if missing and (line := of_earlier_version(missing[0].runs)):
            self.line(line)

    def expect(self, runs: int) -> None:
        """Say how many runs `finished` will be told of."""
        self._missing = runs

    @contextmanager
    def watching(self, missing: Sequence[Job]) -> Iterator[Observer]:
        """The observer of all jobs, with bars where there is a terminal."""
        if not self.console.is_terminal:
            yield _Silent()
            return
        with bars(self.console) as progress:
            yield _SweepBars(progress, [job.experiment.recipe.epochs for job in missing])

    def finished(self, job: Job, outcome: Outcome) -> None:
        """Print one line about a job; one that another process runs is waited for in `end`."""
        result = job.directory.result() if outcome.state == "done" else None
        if outcome.state == "running":
            self._elsewhere.append(job)
            self.line(f"        {job.name}  is being run by another process; its result is awaited at the end")
            return
        self._finished += 1
        if result is None:
            text = f"{outcome.state}: {outcome.reason}"
        else:
            hypocritical = result["R_hyp_minus"]
            shown = "–" if hypocritical is None else f"{100 * hypocritical:.2f}"
            text = f"R_nat {100 * result['R_nat']:.2f}  R_hyp⁻ {shown}"
        self.line(f"{self._finished:>3} of {self._missing}  {job.name}  {text}")

    def settle(self) -> None:
        """Await what other processes run."""
        while self._elsewhere:
            job = self._elsewhere.pop(0)
            self.finished(job, attempt(job, _Silent(), self.sweep.sweep_id, Claim(wait=True)))

    def end(self) -> None:
        """Await what other processes run, print the table, and save the curve beside sweep.json."""
        self.settle()
        self.failed = {job.run_id for job in self.sweep.jobs if not is_done(job)}
        from analysis.curves.curves import tradeoff_figure
        from analysis.curves.drawing import FILE_TYPES, save
        from analysis.reading.collect import collect
        from analysis.tables.tables import print_table

        frame = collect(self.sweep.directory)
        print_table(frame, self.console)
        figure = tradeoff_figure(frame)
        for suffix in FILE_TYPES:
            save(figure, self.sweep.directory / f"tradeoff{suffix}")
        self.line(f"Table and curve: python -m analysis tables {self.sweep.directory}")
        self.line(f"The curve lies in {self.sweep.directory}/tradeoff.png (also .pdf, .svg)")

    def returns(self, job_overrides: Sequence[Sequence[str]]) -> list[JobReturn]:
        """What Hydra is told about each combination that was typed."""
        return [
            JobReturn(
                overrides=overrides,
                status=JobStatus.FAILED if run_id in self.failed else JobStatus.COMPLETED,
            )
            for overrides, run_id in zip(job_overrides, self.sweep.cells, strict=True)
        ]

    def line(self, text: str) -> None:
        """Print a line as it is."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)


class _Silent:
    """An observer for files and pipes, where a line a job is enough."""

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        pass

    def evaluating(self, done: int, total: int) -> None:
        pass

    def measuring(self, name: str) -> None:
        pass

    def decided(self, examples: int, total: int) -> None:
        pass


class _SweepBars:
    """One bar over the epochs of all jobs."""

    def __init__(self, progress: Progress, epochs: Sequence[int]) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("sweep", total=sum(epochs))

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        self._progress.advance(self._task)

    def evaluating(self, done: int, total: int) -> None:
        pass

    def measuring(self, name: str) -> None:
        pass

    def decided(self, examples: int, total: int) -> None:
        pass
