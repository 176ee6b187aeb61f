"""Time limits, nodes and the controller end while a sweep runs: nothing is lost, nothing is done twice."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest
from slurm.sweeping import (
    Sweep,
    assert_continued,
    assert_undisturbed,
    attempts,
    causes,
    history,
    kill_jobs,
)

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]


def test_a_time_limit_only_delays_a_run(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0", "hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=20")
    worker = sweep.hold()
    sweep.wait_for(lambda: "Caught signal SIGUSR2" in sweep.log(), "the end to be announced")
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGCONT)
    sweep.wait_for_requeue()
    before = history(sweep.run())
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert_undisturbed(sweep.run(), reference)
    *cut, last = causes(sweep.run())
    assert set(cut) == {"time-out"}
    assert last is None
    assert sweep.job_states() == ["COMPLETED"]


def test_the_job_of_a_dead_node_goes_on_elsewhere(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0")
    sweep.hold()
    node = attempts(sweep.run())[-1]["node"]
    sweep.cluster.kill_node(node)
    kill_jobs(sweep.cluster)
    before = history(sweep.run())
    sweep.wait_for_requeue()
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert_undisturbed(sweep.run(), reference)
    assert causes(sweep.run()) == ["node failure", None]
    assert attempts(sweep.run())[-1]["node"] != node
    assert sweep.job_states() == ["COMPLETED"]


def test_a_run_that_lives_on_out_of_reach_is_fenced(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0")
    old = sweep.hold()
    before = history(sweep.run())
    sweep.cluster.kill_node(attempts(sweep.run())[-1]["node"])
    sweep.wait_for_requeue()
    sweep.wait_for_attempt(2)
    new = sweep.hold()
    os.kill(old, signal.SIGCONT)
    sweep.wait_for(lambda: "was taken over by another process" in sweep.log(), "the old process to give way")
    os.kill(new, signal.SIGCONT)
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert_undisturbed(sweep.run(), reference)
    assert causes(sweep.run()) == ["node failure", None]
    assert sweep.job_states() == ["COMPLETED"]


def test_a_controller_may_be_away_while_runs_end_and_wait(sweep: Sweep, reference: Path) -> None:
    sweep.submit("seed=0,1", "hydra.launcher.array_parallelism=1")
    worker = sweep.hold()
    assert not sweep.run(1).exists()
    sweep.cluster.kill_controller()
    os.kill(worker, signal.SIGCONT)
    sweep.wait_for_result()
    finished = (sweep.run(0) / "result.json").stat().st_mtime_ns
    sweep.cluster.start_controller()
    sweep.wait_until_over()
    assert (sweep.run(0) / "result.json").stat().st_mtime_ns == finished
    for seed in (0, 1):
        assert_undisturbed(sweep.run(seed), reference)
        assert causes(sweep.run(seed)) == [None]
    assert sweep.job_states() == ["COMPLETED", "COMPLETED"]
