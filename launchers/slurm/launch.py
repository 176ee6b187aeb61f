"""Hand a sweep to Slurm, under a lock that makes two launches at the same moment one after the other."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import hypo
from hypo.jobs.job import Job
from hypo.runs.lock import Claim, Lock
from hypo.runs.outcome import Outcome
from hypo.runs.status import now
from hypo.settings.errors import InputError
from launchers.planning import estimate
from launchers.planning.report import Report
from launchers.planning.sweep import Sweep
from launchers.slurm import sbatch, snapshot
from launchers.slurm.plan import Plan, PlannedArray
from launchers.slurm.settings import SlurmSettings
from launchers.watching import cluster, submission
from launchers.watching.cells import Cell, look, sightings
from launchers.watching.cluster import SlurmError
from launchers.watching.submission import Array, Submission

_POLL_SECONDS = 5.0
_KEY = "hydra/launcher=slurm"


def launch(sweep: Sweep, settings: SlurmSettings) -> Report:
    """Plan and submit; with `wait` stay until nothing of the sweep is queued or running.

    Raises:
        InputError: when Slurm is not there or refuses.
    """
    report = Report(sweep, awaited=settings.wait and not settings.dry_run)
    try:
        if settings.dry_run:
            _show(_planned(sweep, settings), report)
            return report
        sweep.create()
        with Lock(sweep.directory.parent / ".submitting", Claim(wait=True)):
            plan = _planned(sweep, settings)
            for line in plan.lines():
                report.line(line)
            if plan.arrays:
                _submit(plan, report)
        _say_how_to_watch(sweep, report)
        if settings.wait:
            _wait(sweep, report)
    except SlurmError as error:
        raise InputError(f"{_KEY}: {error}") from None
    return report


def _planned(sweep: Sweep, settings: SlurmSettings) -> Plan:
    try:
        size = cluster.max_array_size()
    except SlurmError:
        if not settings.dry_run:
            raise
        size = 1001  # Slurm's own default: a plan can be looked at where there is no Slurm
    return Plan(sweep, settings, _look(sweep), size)


def _look(sweep: Sweep) -> dict[str, Cell]:
    seen = sightings(sweep.directory.parent.parent, [job.directory.path.name for job in sweep.jobs])
    known: dict[str, Cell] = {}
    for job in sweep.jobs:  # what others need stands before them
        record = job.record
        known[record["directory"]] = look(job.runs, record, seen.get(record["directory"]), known)
    return {job.run_id: cell for job, cell in zip(sweep.jobs, known.values(), strict=True)}


def _show(plan: Plan, report: Report) -> None:
    """What a dry run prints: the plan and each batch script."""
    for line in plan.lines():
        report.line(line)
    folder = plan.sweep.directory.resolve() / "submissions" / "dry-run"
    for number, array in enumerate(plan.arrays):
        needed = ":".join(f"<job of {job.name}>" for job in array.needs)
        others = ":".join(f"<array {other}>" for other in array.after)
        given = _parameters(plan, array, f"{array.resources.name}-dry-run-{number}", needed, others, [])
        report.line(f"\n# array {number}")
        report.line(sbatch.script(folder, sbatch.command(array.resources, folder, number), given))
    report.line("Nothing was submitted (hydra.launcher.dry_run=true).")


def _submit(plan: Plan, report: Report) -> None:
    """Submit array after array; what was submitted is on record before the next one."""
    settings, sweep = plan.settings, plan.sweep
    # Submissions are told apart, and put in order, by their names: a script may launch twice in a second.
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")
    submission_id = f"{stamp}-{secrets.token_hex(3)}"
    folder = sweep.directory.resolve() / "submissions" / submission_id
    folder.mkdir(parents=True)
    logs = folder / "logs"
    if settings.submitit_folder is not None:
        # The published plugin's default ends in %j, one folder for each job.
        given = Path(settings.submitit_folder.partition("%")[0]).expanduser().resolve()
        logs = given / submission_id
    outputs = sweep.directory.parent.parent
    search_path = snapshot.take(folder / "code", outputs) if settings.snapshot else _checkout()
    arrays: list[Array] = []
    record = Submission(folder, logs, now(), settings.max_attempts, settings.max_num_timeout, arrays)
    tasks_of: dict[str, str] = {}
    for number, planned in enumerate(plan.arrays):
        name = f"{planned.resources.name}-{submission_id.rpartition('-')[2]}-{number}"
        submission.write_tasks(
            folder, number, [[_task(job, sweep, planned) for job in task] for task in planned.tasks]
        )
        runs = [[job.directory.path.name for job in task] for task in planned.tasks]
        needs = [job.directory.path.name for job in planned.needs]
        arrays.append(Array(name, None, runs, needs, planned.tries))
        record.write()
        needed = ":".join(filter(None, (tasks_of.get(job.run_id) or _earlier(plan, job) for job in planned.needs)))
        others = ":".join(arrays[other].job or "" for other in planned.after)
        given_to = _parameters(plan, planned, name, needed, others, search_path)
        try:
            job_id = sbatch.submit(logs, sbatch.command(planned.resources, folder, number), given_to)
        except SlurmError as error:
            arrays.pop()
            record.write()
            rest = f" ({number} of {len(plan.arrays)} arrays were submitted)" if number else ""
            raise SlurmError(f"{error}{rest}") from None
        arrays[-1] = replace(arrays[-1], job=job_id)
        record.write()
        for index, task in enumerate(planned.tasks):
            tasks_of |= {job.run_id: f"{job_id}_{index}" for job in task}
        report.line(f"  array {number} is job {job_id}")


def _parameters(
    plan: Plan, array: PlannedArray, name: str, needed: str, others: str, search_path: Iterable[str]
) -> dict[str, object]:
    conditions = [f"afterok:{needed}" if needed else "", f"afterany:{others}" if others else ""]
    return sbatch.parameters(
        array.resources,
        plan.settings.additional,
        name=name,
        tasks=len(array.tasks),
        parallel=array.parallel,
        dependency=",".join(filter(None, conditions)),
        search_path=[*search_path],
        max_attempts=plan.settings.max_attempts,
    )


def _task(job: Job, sweep: Sweep, array: PlannedArray) -> dict[str, object]:
    kind = {"kind": estimate.kind(job.config)} if array.tries else {}
    return {"runs": str(job.runs.resolve()), "record": job.record, "group": sweep.sweep_id, **kind}


def _earlier(plan: Plan, needed: Job) -> str | None:
    """The job of an earlier submission that works on a prerequisite; one outside Slurm is waited for there."""
    job = plan.cells[needed.run_id].job
    return job.job if job is not None and job.is_active else None


def _checkout() -> list[str]:
    """The checkout that runs here, which need not be the one that is installed."""
    root = Path(hypo.__file__).parents[1]
    return [str(root), str(root / "launchers" / "plugins")] if (root / "pyproject.toml").exists() else []


def _say_how_to_watch(sweep: Sweep, report: Report) -> None:
    report.line(f"Watch:  python -m launchers.status {sweep.directory} --watch")
    report.line(f"Table:  python -m analysis tables {sweep.directory}")


def _wait(sweep: Sweep, report: Report) -> None:
    """Report each run as it ends, until nothing is queued or running."""
    open_ = {job.run_id: job for job in sweep.missing(retry_failed=True)}
    report.expect(len(open_))
    while open_:
        try:
            cells = _look(sweep)
        except SlurmError:
            cells = {}  # the controller may be restarting
        for run_id, cell in cells.items():
            if cell.state not in ("running", "queued") and run_id in open_:
                report.finished(open_.pop(run_id), Outcome(cell.state, cell.reason, cell.cause or None))
        if open_:
            time.sleep(_POLL_SECONDS)
