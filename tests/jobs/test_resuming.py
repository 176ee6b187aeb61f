"""Jobs that are killed or interrupted, and go on as if nothing had happened."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from compared import Stopping, assert_same_results
from forked import Forked
from small_jobs import THRM, Silent, job
from small_models import small_experiment, small_recipe

from hypo.jobs.attempt import attempt
from hypo.runs.directory import RunDirectory

KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from small_jobs import Silent, job
import hypo.training.step
from hypo.jobs.attempt import attempt

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Observer(Silent):
    def evaluating(self, done, total):
        if sys.argv[3] == "evaluation" and done > total // 3:
            die()

train_step, fsync, steps, syncs = hypo.training.step.train_step, os.fsync, [], []

def counted_step(*arguments, **named):
    steps.append(1)
    if sys.argv[3] == "epoch" and len(steps) == 6:  # four steps an epoch: in the middle of the second
        die()
    return train_step(*arguments, **named)

def cut_short(descriptor):
    syncs.append(1)
    if sys.argv[3] == "checkpoint" and len(syncs) == 4:  # config, environment, first checkpoint: the second
        os.ftruncate(descriptor, 1000)
        die()
    fsync(descriptor)

hypo.training.step.train_step, os.fsync = counted_step, cut_short
attempt(job(pathlib.Path(sys.argv[2])), Observer())
"""


@pytest.mark.parametrize(("moment", "epochs"), [("epoch", 1), ("checkpoint", 1), ("evaluation", 3)])
def test_a_killed_run_resumes_as_if_nothing_had_happened(
    tmp_path: Path, uninterrupted: RunDirectory, moment: str, epochs: int
) -> None:
    tests = str(Path(__file__).parents[1])
    with Forked("-c", KILLED, tests, str(tmp_path), moment) as killed:
        assert killed.wait() == -signal.SIGKILL
    again = job(tmp_path)
    directory = again.directory
    assert directory.status()["state"] == "running"  # it had no time to say otherwise
    assert directory.result() is None
    checkpoint = directory.load_checkpoint(torch.device("cpu"))
    assert checkpoint is not None
    assert len(checkpoint["history"]) == epochs
    outcome = attempt(again, Silent())
    assert (outcome.state, outcome.trained) == ("done", True)
    assert_same_results(directory, uninterrupted)
    status = directory.status()
    first, second = status["attempts"]
    assert (first["pid"], first["outcome"]) == (killed.pid, "interrupted")
    assert (first["cause"], first["reason"]) == ("killed", "ended without a word")
    assert first["started_at"] <= first["ended_at"] <= second["started_at"] <= second["ended_at"]
    assert (second["pid"], second["outcome"], second["cause"]) == (os.getpid(), "done", None)
    assert (status["state"], status["reason"], status["cause"], status["log"]) == ("done", None, None, [])


def test_an_interrupted_run_says_so_and_goes_on(tmp_path: Path, uninterrupted: RunDirectory) -> None:
    first = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        attempt(first, Stopping(after=2))
    status = first.directory.status()
    assert (status["state"], status["reason"]) == ("interrupted", "interrupted by the user")
    assert status["cause"] == "interrupted"
    seen: list[float] = []

    class Watching(Silent):
        def epoch(self, row: dict[str, float], epochs: int) -> None:
            seen.append(row["epoch"])

    assert attempt(job(tmp_path), Watching()).state == "done"
    assert seen == [3]
    assert_same_results(first.directory, uninterrupted)
    attempts = first.directory.status()["attempts"]
    assert [entry["outcome"] for entry in attempts] == ["interrupted", "done"]
    assert [entry["cause"] for entry in attempts] == ["interrupted", None]
    assert [entry["reason"] for entry in attempts] == ["interrupted by the user", None]


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_that_keeps_its_best_epoch_resumes_to_the_same_one(tmp_path: Path, after: int) -> None:
    experiment = small_experiment(THRM, recipe=small_recipe(learning_rate=0.3, hold_out=30, keep="best"))
    with pytest.raises(KeyboardInterrupt):
        attempt(job(tmp_path / "stopped", experiment), Stopping(after))
    directories = [job(tmp_path / name, experiment).directory for name in ("stopped", "whole")]
    assert directories[0].result() is None
    for name in ("stopped", "whole"):
        assert attempt(job(tmp_path / name, experiment), Silent()).state == "done"
    assert_same_results(*directories)
    assert directories[0].status()["kept_epoch"] == directories[1].status()["kept_epoch"]
