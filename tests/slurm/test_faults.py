"""Processes and jobs are struck while a sweep runs: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from slurm.sweeping import (
    Sweep,
    assert_continued,
    assert_undisturbed,
    causes,
    history,
    kill_tasks,
    kill_worker,
    status,
)

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]

PACKED = ("hydra.launcher.runs_per_gpu=2", "hydra.launcher.cpus_per_task=2", "hydra.launcher.mem_gb=2")


def test_a_killed_worker_is_replaced(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0")
    sweep.hold()
    before = kill_worker(sweep.run())
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert_undisturbed(sweep.run(), reference)
    assert causes(sweep.run()) == ["killed", None]
    assert sweep.job_states() == ["COMPLETED"]


@pytest.mark.parametrize(
    "kill",
    [lambda sweep: kill_worker(sweep.run()), lambda sweep: kill_tasks(sweep.cluster)],
    ids=["worker", "task"],
)
def test_a_run_that_is_killed_each_time_is_given_up(sweep: Sweep, kill: Callable[[Sweep], None]) -> None:
    sweep.submit("seed=0", "hydra.launcher.max_attempts=2")
    sweep.hold()
    before = history(sweep.run())
    kill(sweep)
    sweep.wait_for_attempt(2)
    sweep.hold()
    kill(sweep)
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert causes(sweep.run()) == ["killed", "killed"]
    assert status(sweep.run())["state"] == "failed"
    assert status(sweep.run())["reason"].startswith("given up after 2 attempts")
    assert sweep.job_states() == ["FAILED"]


def test_a_diverging_run_fails_its_job_and_is_not_tried_again(sweep: Sweep) -> None:
    sweep.submit("seed=0", "recipe.learning_rate=1e30")
    sweep.wait_until_over()
    assert causes(sweep.run()) == ["diverged"]
    assert status(sweep.run())["state"] == "failed"
    assert sweep.job_states() == ["FAILED"]


def test_a_signal_stops_a_run_in_good_order(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0")
    worker = sweep.hold()
    sweep.cluster.call("scancel", "--signal=USR2", sweep.job())
    os.kill(worker, signal.SIGCONT)
    sweep.wait_for_requeue()
    before = history(sweep.run())
    assert status(sweep.run())["state"] == "interrupted"
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert_undisturbed(sweep.run(), reference)
    assert causes(sweep.run()) == ["preempted", None]
    assert sweep.job_states() == ["COMPLETED"]


def test_a_signal_that_comes_before_python_listens_only_delays_a_run(sweep: Sweep, tmp_path: Path) -> None:
    started, slow = tmp_path / "started", tmp_path / "slow-python"
    first = f'[ -n "$SLURM_RESTART_COUNT" ] || {{ touch {started}; sleep 300; }}'
    slow.write_text(f'#!/bin/bash\n{first}\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    sweep.submit("seed=0", "recipe.epochs=1", f"hydra.launcher.python={slow}")
    sweep.wait_for(started.exists, "the task to start")
    (job,) = [job["id"] for job in sweep.cluster.jobs() if job["state"] == "RUNNING"]
    sweep.cluster.call("scancel", "--signal=USR2", job)
    sweep.wait_until_over()
    assert causes(sweep.run()) == [None]
    assert sweep.job_states() == ["COMPLETED"]


def test_a_requeued_job_goes_on_and_a_finished_one_does_nothing(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0")
    sweep.hold()
    sweep.cluster.call("scontrol", "requeue", sweep.job())
    sweep.wait_for_requeue()
    before = history(sweep.run())
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert_undisturbed(sweep.run(), reference)
    assert causes(sweep.run()) == ["preempted", None]
    finished = (sweep.run() / "result.json").stat().st_mtime_ns
    sweep.cluster.call("scontrol", "requeue", sweep.job())
    sweep.wait_for_requeue()
    sweep.wait_until_over()
    assert (sweep.run() / "result.json").stat().st_mtime_ns == finished
    assert causes(sweep.run()) == ["preempted", None]
    assert sweep.job_states() == ["COMPLETED"]


def test_an_urgent_job_only_delays_a_run(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0")
    sweep.hold()
    urgent = ("--partition=urgent", "--exclusive", "--nodes=2", "-o", "/dev/null", "--wrap", "sleep 3")
    sweep.cluster.call("sbatch", *urgent)
    sweep.wait_for_requeue()
    before = history(sweep.run())
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert_undisturbed(sweep.run(), reference)
    assert causes(sweep.run()) == ["preempted", None]


def test_packed_runs_die_alone(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0,1", *PACKED)
    sweep.hold(seed=0)
    before = kill_worker(sweep.run(0))
    sweep.wait_until_over()
    assert_continued(sweep.run(0), before)
    for seed, ends in {0: ["killed", None], 1: [None]}.items():
        assert_undisturbed(sweep.run(seed), reference)
        assert causes(sweep.run(seed)) == ends
    assert sweep.job_states() == ["COMPLETED"]


def test_a_killed_task_is_requeued_and_its_finished_runs_stay(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0,1", *PACKED)
    sweep.hold(seed=1)
    sweep.wait_for_result()
    finished = (sweep.run(0) / "result.json").stat().st_mtime_ns
    before = history(sweep.run(1))
    kill_tasks(sweep.cluster)
    sweep.wait_until_over()
    assert_continued(sweep.run(1), before)
    assert (sweep.run(0) / "result.json").stat().st_mtime_ns == finished
    for seed, ends in {0: [None], 1: ["killed", None]}.items():
        assert_undisturbed(sweep.run(seed), reference)
        assert causes(sweep.run(seed)) == ends
    assert sweep.job_states() == ["COMPLETED"]


@pytest.mark.accounting
def test_a_cancelled_run_goes_on_when_the_command_is_repeated(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0", "tracking=offline")
    sweep.hold()
    sweep.cluster.call("scancel", sweep.job())
    sweep.wait_until_over()
    before = history(sweep.run())
    assert status(sweep.run())["state"] == "interrupted"
    assert causes(sweep.run()) == ["cancelled"]
    assert "1 of those to run again" in sweep.submit("seed=0", "tracking=offline")
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert_undisturbed(sweep.run(), reference)
    assert causes(sweep.run()) == ["cancelled", None]
    assert sweep.job_states() == ["CANCELLED", "COMPLETED"]
    tracked = [folder.name for folder in (sweep.run() / "wandb").glob("offline-run-*")]
    assert len(tracked) == 2
    assert {name.rpartition("-")[2] for name in tracked} == {sweep.run().name.rpartition("-")[2]}
