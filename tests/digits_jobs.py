"""Jobs on the digits, which another process can load, and what a pool of processes makes of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from small_jobs import THRM
from small_jobs import job as small_job
from small_models import small_experiment, small_recipe

from hypo.architectures.mlp import Mlp
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.datasets.digits import Digits
from hypo.jobs.job import Job
from hypo.measurements.evaluation import Evaluation
from hypo.runs.outcome import Outcome
from hypo.runs.status import read as status
from launchers.pool.pool import Pool, Task

ONE_THREAD = {"OMP_NUM_THREADS": "1"}

LONG = 100_000
"""Epochs of a run that is not meant to get to its end."""


def job(folder: Path, epochs: int = 1, seed: int = 0) -> Job:
    """A run on the digits, which another process can load, planned but not created."""
    planned = small_job(
        folder / "other",
        small_experiment(
            THRM,
            dataset=Digits(),
            arch=Mlp(hidden=(8,)),
            recipe=small_recipe(epochs=epochs, train_limit=60),
            evaluation=Evaluation(ProjectedGradient(steps=2), test_limit=50),
            seed=seed,
        ),
    )
    return Job(planned.experiment, planned.config, planned.command, folder / "runs", planned.tracking)


def task(of: Job) -> Task:
    return {"runs": str(of.runs), "record": of.record, "group": None}


def under_way(of: Job) -> int:
    """Waits until a run has had an epoch; returns its process."""
    while not status(of.directory.path).get("epoch"):
        time.sleep(0.01)
    return status(of.directory.path)["pid"]


def meanwhile(do: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=do)
    thread.start()
    return thread


def run(pool: Pool, *jobs: Job) -> dict[str, Outcome]:
    """The outcomes by run id."""
    return {of["record"]["config"]["run_id"]: outcome for of, outcome in pool.run([task(job) for job in jobs])}


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
