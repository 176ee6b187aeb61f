"""What a launch on Slurm will do: which runs, in which arrays, with what, one after which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from hypo.jobs.job import Job
from hypo.runs.status import of_earlier_version
from hypo.settings.identity import trains
from launchers.packing.found import Found, known
from launchers.planning import estimate
from launchers.planning.sweep import Sweep, waves
from launchers.slurm import packing
from launchers.slurm.packing import Packed
from launchers.slurm.sbatch import chunks, shares
from launchers.slurm.settings import Resources, SlurmSettings
from launchers.watching.cells import Cell


@dataclass(frozen=True)
class PlannedArray:
    """One job array that will be submitted.

    Attributes:
        tasks: the runs of each of its tasks, which share a job.
        needs: the prerequisites of all of them that have no result yet.
        parallel: how many of its tasks may run at a time.
        after: the arrays of the plan, by number, that have to end before; whether well or not.
        tries: whether its jobs find out if a GPU holds more runs.
    """

    resources: Resources
    tasks: Sequence[Sequence[Job]]
    needs: Sequence[Job]
    parallel: int
    after: Sequence[int]
    tries: bool = False


@dataclass(frozen=True)
class Plan:
    """A sweep, what its runs are doing by now, and what is still to be submitted."""

    sweep: Sweep
    settings: SlurmSettings
    cells: Mapping[str, Cell]
    max_array_size: int

    @cached_property
    def missing(self) -> list[Job]:
        """The runs that have no result and that nothing works on."""
        wanted = {"missing", "interrupted", *(["failed"] if self.settings.retry_failed else [])}
        tried = [job for job in self.sweep.jobs if job.run_id not in self.sweep.given_up]
        return [job for job in tried if self.cells[job.run_id].state in wanted]

    @cached_property
    def arrays(self) -> list[PlannedArray]:
        """The arrays in the order of submission: before each one those that its runs need."""
        planned: list[PlannedArray] = []
        for wave in waves(self.missing):
            groups = [
                (given, needs, tasks)
                for (given, _, _), (needs, jobs) in self._alike(wave).items()
                for tasks in self._chunked(jobs, given)
            ]
            first = len(planned)
            limits = shares(self.settings.resources.array_parallelism, len(groups)) if groups else []
            for (given, needs, tasks), (parallel, behind) in zip(groups, limits, strict=True):
                # Waves do not overlap, or their shares would not add up to the limit.
                after = [*range(first)] if behind is None else [first + behind]
                tries = given.tried is not None
                at_a_time = min(parallel, len(tasks))
                planned.append(PlannedArray(given.resources, tasks, needs, at_a_time, after, tries))
        return planned

    def lines(self) -> list[str]:
        """The plan for a user."""
        sweep, missing = self.sweep, self.missing
        states = [cell.state for cell in self.cells.values()]
        duplicates = len(sweep.cells) - len(set(sweep.cells))
        prerequisites = len({job.run_id for job in sweep.jobs} - set(sweep.cells))
        counts = [
            f"{states.count('done')} done",
            f"{states.count('running')} running",
            f"{states.count('queued')} queued",
            f"{len(missing)} to run",
        ]
        again = sum(self.cells[job.run_id].state != "missing" for job in missing)
        measured = sum(bool(job.to_be_measured) for job in missing)
        extra = [
            f"{duplicates} typed twice" if duplicates else "",
            f"{prerequisites} needed by others first" if prerequisites else "",
            f"{again} of those to run again" if again else "",
            f"{measured} of those only to be measured" if measured else "",
            f"{states.count('failed')} failed before" if not self.settings.retry_failed else "",
        ]
        lines = [f"Sweep {sweep.sweep_id}: {len(sweep.jobs)} jobs, {', '.join([*counts, *filter(None, extra)])}"]
        for number, array in enumerate(self.arrays):
            lines.append(f"  array {number}: {_spoken(array)}")
        if missing:
            origins = dict.fromkeys(self._packed(job).line for job in missing)
            lines += [f"  {line}" for line in origins if line]
            lines.append(f"  {self._cost()}")
            lines += filter(None, [of_earlier_version(missing[0].runs)])
        return lines

    @cached_property
    def _found(self) -> Mapping[str, Found]:
        return known(self.sweep.directory.parent.parent)

    def _packed(self, job: Job) -> Packed:
        """What a run's job is given."""
        resources = self.settings.resources_for(job)
        if resources.runs_per_gpu != "auto":
            return Packed(resources)
        has_epochs = trains(job.experiment) and not job.to_be_measured
        return packing.packed(resources, estimate.kind(job.config), self._found, trains=has_epochs)

    def _alike(self, jobs: Sequence[Job]) -> dict[tuple[Packed, str, str], tuple[list[Job], list[Job]]]:
        """Runs that can share an array: given the same, needing the same; where more is tried, of one kind."""
        found: dict[tuple[Packed, str, str], tuple[list[Job], list[Job]]] = {}
        for job in jobs:
            needs = [needed for needed in job.prerequisites if self.cells[needed.run_id].state != "done"]
            given = self._packed(job)
            kind = "" if given.tried is None else estimate.kind(job.config)
            key = (given, " ".join(needed.run_id for needed in needs), kind)
            found.setdefault(key, (needs, []))[1].append(job)
        return found

    def _chunked(self, jobs: Sequence[Job], given: Packed) -> list[list[list[Job]]]:
        slots, first = given.resources.slots, given.first
        others = range(first, len(jobs), slots)
        tasks = [list(jobs[:first]), *(list(jobs[begin : begin + slots]) for begin in others)]
        return [[tasks[index] for index in chunk] for chunk in chunks(len(tasks), self.max_array_size)]

    def _cost(self) -> str:
        expected = estimate.seconds(self.missing)
        resources = {job.run_id: self._packed(job).resources for job in self.missing}
        known = {run_id: seconds for run_id, seconds in expected.items() if seconds is not None}
        if not known:
            return "Cost: unknown, there is no earlier run of this kind"
        has_gpus = any(given.gpus for given in resources.values())
        hours = sum(
            seconds * max(1, resources[run_id].gpus) / resources[run_id].slots / 3600
            for run_id, seconds in known.items()
        )
        unknown = f"; {len(expected) - len(known)} have none" if len(known) < len(expected) else ""
        what = "GPU-hours" if has_gpus else "hours of jobs"
        return f"Cost: about {hours:.3g} {what}, after earlier runs of the same kind{unknown}"


def _spoken(array: PlannedArray) -> str:
    given = array.resources
    runs = sum(map(len, array.tasks))
    together = f" ({runs} runs)" if runs > len(array.tasks) else ""
    memory = f"{given.mem_gb:g} GB" if given.mem_gb else ""
    what = [
        f"partition {given.partition}" if given.partition else "",
        f"{given.gpus} GPU{'s' if given.gpus > 1 else ''}" if given.gpus else "no GPU",
        f"{given.cpus_per_task} CPU{'s' if given.cpus_per_task > 1 else ''}" if given.cpus_per_task else "",
        memory,
        f"{given.timeout_min} min",
    ]
    needs = f", after {', '.join(job.name for job in array.needs)}" if array.needs else ""
    tasks = f"{len(array.tasks)} job{'s' if len(array.tasks) > 1 else ''}{together}"
    return f"{tasks}, {array.parallel} at a time, each {', '.join(filter(None, what))}{needs}"
