"""What a launch on Slurm will do: which runs, in which arrays, with what, one after which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from hypo.jobs.job import Job
from hypo.runs.status import of_earlier_version
from launchers.planning import estimate
from launchers.planning.sweep import Sweep, waves
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
    """

    resources: Resources
    tasks: Sequence[Sequence[Job]]
    needs: Sequence[Job]
    parallel: int
    after: Sequence[int]


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
                (resources, needs, tasks)
                for (resources, _), (needs, jobs) in self._alike(wave).items()
                for tasks in self._chunked(jobs, resources)
            ]
            first = len(planned)
            limits = shares(self.settings.resources.array_parallelism, len(groups)) if groups else []
            for (resources, needs, tasks), (parallel, behind) in zip(groups, limits, strict=True):
                # Waves do not overlap, or their shares would not add up to the limit.
                after = [*range(first)] if behind is None else [first + behind]
                planned.append(PlannedArray(resources, tasks, needs, min(parallel, len(tasks)), after))
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
            lines.append(f"  {self._cost()}")
            lines += filter(None, [of_earlier_version(missing[0].runs)])
        return lines

    def _alike(self, jobs: Sequence[Job]) -> dict[tuple[Resources, str], tuple[list[Job], list[Job]]]:
        """Runs that can share an array: given the same, needing the same."""
        found: dict[tuple[Resources, str], tuple[list[Job], list[Job]]] = {}
        for job in jobs:
            needs = [needed for needed in job.prerequisites if self.cells[needed.run_id].state != "done"]
            key = (self.settings.resources_for(job), " ".join(needed.run_id for needed in needs))
            found.setdefault(key, (needs, []))[1].append(job)
        return found

    def _chunked(self, jobs: Sequence[Job], resources: Resources) -> list[list[list[Job]]]:
        tasks = [list(jobs[first : first + resources.slots]) for first in range(0, len(jobs), resources.slots)]
        return [[tasks[index] for index in chunk] for chunk in chunks(len(tasks), self.max_array_size)]

    def _cost(self) -> str:
        expected = estimate.seconds(self.missing)
        resources = {job.run_id: self.settings.resources_for(job) for job in self.missing}
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
