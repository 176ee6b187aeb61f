"""Whole outputs folders of this version, made in seconds."""

from __future__ import annotations

from pathlib import Path

import composing
from small_jobs import Silent

from hypo.jobs.attempt import attempt
from hypo.jobs.job import Job
from hypo.runs import sweep as sweep_directory
from hypo.settings.identity import short_hash
from launchers.watching import submission
from launchers.watching.submission import Array, Submission

SMALL = (
    "recipe.epochs=2",
    "recipe.train_limit=60",
    "evaluation.test_limit=50",
    "tracking=disabled",
    "arch.hidden=[8]",
)
TARGETED = ("evaluation=pgd20", "measurement=[targeted,certificate,pictures]")
RUNS = (
    ("defense=thrm", *TARGETED),
    ("defense=thrm", "evaluation=fgsm"),
    ("defense=standard", "training_data=poisoning"),
    ("training_data=naive",),
    (
        "arch=linf_dist_net",
        "recipe=linf_dist_net",
        "defense=linf_dist",
        "recipe.batch=60",
        "recipe.milestones=[1]",
    ),
)


def finished(outputs: Path, *typed: str) -> Job:
    """The job of what was typed, with its run directory and those of what it needs."""
    job = composing.job(*typed, *SMALL, f"output_dir={outputs}")
    for each in (*job.prerequisites, job):
        assert attempt(each, Silent()).state == "done"
    return job


def record_sweep(outputs: Path, jobs: list[Job]) -> Path:
    """The folder of a sweep of `jobs`, which was handed to Slurm."""
    needed = [each.record for job in jobs for each in job.prerequisites]
    records = [job.record for job in jobs]
    sweep = outputs / "sweeps" / short_hash(sorted(each["config"]["run_id"] for each in (*needed, *records)))
    sweep_directory.write(sweep, "python -m hypo.run -m defense=thrm", records, needed)
    folder = sweep / "submissions" / "20260101-000000-000000-abcdef"
    folder.mkdir(parents=True)
    array = Array(
        "hypo-abcdef-0", "17", [[each["directory"] for each in records]], [each["directory"] for each in needed]
    )
    Submission(folder, folder / "logs", "2026-01-01T00:00:00+00:00", 3, None, [array]).write()
    tasks = [{"runs": str(outputs / "runs"), "record": record, "group": sweep.name} for record in records]
    submission.write_tasks(folder, 0, [tasks])
    return sweep
