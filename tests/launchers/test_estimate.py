"""What a sweep will cost, told from earlier runs of the same kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from small_jobs import THRM
from small_jobs import job as small_job
from small_models import small_experiment, small_recipe

from hypo.defenses.thrm import Thrm
from hypo.jobs.job import Job
from hypo.runs import status as run_status
from launchers.planning import estimate
from launchers.planning.sweep import Sweep
from launchers.slurm.plan import Plan
from launchers.slurm.settings import read
from launchers.watching.cells import Cell

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def job(runs: Path, seed: int = 0, **changes: Any) -> Job:
    return small_job(runs, small_experiment(changes.pop("defense", THRM), seed=seed, **changes))


def finish(planned: Job, *seconds: float, at: int = 0) -> None:
    """Give it a result, number `at` in the order of their writing, after attempts of so many seconds."""
    attempts: list[dict[str, str]] = [
        {"started_at": START.isoformat(), "ended_at": (START + timedelta(seconds=each)).isoformat()}
        for each in seconds
    ]
    run_status.update(planned.directory.path, {"state": "done", "attempts": attempts})
    result = planned.directory.path / "result.json"
    result.write_text("{}")
    os.utime(result, (1_000_000 + at, 1_000_000 + at))


def test_runs_that_differ_in_seed_and_lambda_are_expected_to_take_as_long(tmp_path: Path) -> None:
    for seed, seconds in enumerate([10, 20, 90]):
        finish(job(tmp_path, seed), seconds)
    another = job(tmp_path, 7, defense=Thrm(9.0, THRM.attack))
    assert estimate.seconds([another]) == {another.run_id: 20}


def test_all_attempts_at_a_run_count_but_those_whose_end_is_not_known(tmp_path: Path) -> None:
    done = job(tmp_path)
    finish(done, 10, 15)
    status = run_status.read(done.directory.path)
    cut_off = {"started_at": START.isoformat()}
    run_status.update(done.directory.path, {"attempts": [cut_off, *status["attempts"]]})
    other = job(tmp_path, 1)
    assert estimate.seconds([other]) == {other.run_id: 25}


def test_runs_of_another_kind_say_nothing(tmp_path: Path) -> None:
    finish(job(tmp_path), 10)
    longer = job(tmp_path, 1, recipe=small_recipe(epochs=9))
    assert estimate.seconds([longer]) == {longer.run_id: None}


def test_a_run_without_a_result_says_nothing(tmp_path: Path) -> None:
    done = job(tmp_path)
    finish(done, 10)
    (done.directory.path / "result.json").unlink()
    assert estimate.seconds([done]) == {done.run_id: None}


def test_a_run_that_cannot_be_read_is_passed_by(tmp_path: Path) -> None:
    finish(job(tmp_path, 0), 10)
    broken = job(tmp_path, 1)
    finish(broken, 1000)
    (broken.directory.path / "config.yaml").write_text("{")
    other = job(tmp_path, 2)
    assert estimate.seconds([other]) == {other.run_id: 10}


def test_the_latest_runs_count(tmp_path: Path) -> None:
    for seed in range(30):
        finish(job(tmp_path, seed), 1000 if seed < 10 else 10, at=seed)
    other = job(tmp_path, 99)
    assert estimate.seconds([other]) == {other.run_id: 10}


def test_where_there_are_no_runs_nothing_is_known(tmp_path: Path) -> None:
    one = job(tmp_path / "elsewhere")
    moved = Job(one.experiment, one.config, one.command, tmp_path / "new", one.tracking)
    assert estimate.seconds([moved]) == {moved.run_id: None}


def cost(jobs: Sequence[Job], **settings: Any) -> str:
    cells = {each.run_id: Cell(each.name, each.command, "missing") for each in jobs}
    return Plan(Sweep(tuple(jobs), tuple(cells)), read(settings), cells, 1001).lines()[-1].strip()


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, "Cost: about 0.5 hours of jobs, after earlier runs of the same kind"),
        ({"gpus_per_node": 1}, "Cost: about 0.5 GPU-hours, after earlier runs of the same kind"),
        # One run a GPU, several GPUs in a job: no more than one for each run.
        ({"gpus_per_node": 4}, "Cost: about 0.5 GPU-hours, after earlier runs of the same kind"),
        (
            {"gpus_per_node": 1, "runs_per_gpu": 2},
            "Cost: about 0.25 GPU-hours, after earlier runs of the same kind",
        ),
    ],
)
def test_the_plan_says_what_a_sweep_costs(tmp_path: Path, settings: dict[str, Any], line: str) -> None:
    finish(job(tmp_path, 0), 600)
    assert cost([job(tmp_path, seed) for seed in (1, 2, 3)], **settings) == line


def test_the_plan_says_of_how_many_runs_the_cost_is_not_known(tmp_path: Path) -> None:
    finish(job(tmp_path, 0), 3600)
    longer = small_recipe(epochs=9)
    jobs = [job(tmp_path, 1), job(tmp_path, 2, recipe=longer), job(tmp_path, 3, recipe=longer)]
    assert cost(jobs) == "Cost: about 1 hours of jobs, after earlier runs of the same kind; 2 have none"
    assert cost(jobs[1:]) == "Cost: unknown, there is no earlier run of this kind"
