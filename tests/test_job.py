"""Whole jobs: killed, resumed, failing, repeated."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas
import pytest
import torch
from small_jobs import THRM, Silent, job
from small_models import Exploding, Stripes, small_experiment, small_recipe

from hypo.architectures.mlp import Mlp
from hypo.atomic import Lock
from hypo.defenses.defense import Defense
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.experiment import Experiment
from hypo.run_directory import RunDirectory


@dataclass
class Stopping(Silent):
    """Presses Ctrl-C after some epoch."""

    after: int

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        if row["epoch"] == self.after:
            raise KeyboardInterrupt


def files(path: Path) -> Mapping[str, bytes]:
    """What a run leaves that a second run of it must equal."""
    return {name: (path / name).read_bytes() for name in ("result.json", "model.safetensors", "config.yaml")}


def assert_same_results(found: RunDirectory, expected: RunDirectory) -> None:
    assert files(found.path) == files(expected.path)
    examples = [pandas.read_parquet(directory.path / "examples.parquet") for directory in (found, expected)]
    pandas.testing.assert_frame_equal(*examples, check_exact=True)
    histories = [
        pandas.read_csv(directory.path / "history.csv").drop(columns="seconds") for directory in (found, expected)
    ]
    pandas.testing.assert_frame_equal(*histories, check_exact=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    done = job(tmp_path_factory.mktemp("uninterrupted"))
    assert done.attempt(Silent()).state == "done"
    return done.directory


KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from small_jobs import Silent, job
import hypo.atomic, hypo.training

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Observer(Silent):
    def evaluating(self, done, total):
        if sys.argv[3] == "evaluation" and done == 3:
            die()

train_step, fsync, steps, syncs = hypo.training.train_step, os.fsync, [], []

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

hypo.training.train_step, os.fsync = counted_step, cut_short
job(pathlib.Path(sys.argv[2])).attempt(Observer())
"""


@pytest.mark.parametrize(("moment", "epochs"), [("epoch", 1), ("checkpoint", 1), ("evaluation", 3)])
def test_a_killed_run_resumes_as_if_nothing_had_happened(
    tmp_path: Path, uninterrupted: RunDirectory, moment: str, epochs: int
) -> None:
    tests = str(Path(__file__).parent)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tests, str(tmp_path), moment], env={**os.environ, "PYTHONPATH": tests}
    )
    assert killed.returncode == -signal.SIGKILL
    again = job(tmp_path)
    directory = again.directory
    assert directory.status()["state"] == "running"  # it had no time to say otherwise
    assert directory.result() is None
    checkpoint = directory.load_checkpoint(torch.device("cpu"))
    assert checkpoint is not None
    assert len(checkpoint["history"]) == epochs
    outcome = again.attempt(Silent())
    assert (outcome.state, outcome.trained) == ("done", True)
    assert_same_results(directory, uninterrupted)
    assert len(directory.status()["attempts"]) == 2


def test_an_interrupted_run_says_so_and_goes_on(tmp_path: Path, uninterrupted: RunDirectory) -> None:
    first = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        first.attempt(Stopping(after=2))
    status = first.directory.status()
    assert (status["state"], status["reason"]) == ("interrupted", "interrupted by the user")
    seen: list[float] = []

    class Watching(Silent):
        def epoch(self, row: dict[str, float], epochs: int) -> None:
            seen.append(row["epoch"])

    assert job(tmp_path).attempt(Watching()).state == "done"
    assert seen == [3]
    assert_same_results(first.directory, uninterrupted)
    assert [attempt["outcome"] for attempt in first.directory.status()["attempts"]] == ["interrupted", "done"]


def test_a_finished_run_is_left_alone(uninterrupted: RunDirectory) -> None:
    def state() -> dict[str, tuple[bytes, int]]:
        return {
            path.name: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in uninterrupted.path.iterdir()
            if path.name != ".lock"
        }

    before = state()
    outcome = job(uninterrupted.path.parent, dataset="another-name").attempt(Silent())
    assert (outcome.state, outcome.trained) == ("done", False)
    assert state() == before
    assert len(list(uninterrupted.path.parent.iterdir())) == 1


def test_a_finished_run_has_everything(uninterrupted: RunDirectory) -> None:
    result = uninterrupted.result()
    assert result is not None
    assert (
        uninterrupted.path.name
        == f"stripes-training_data-arch-defense-lambda3-threat_model0.05-s0-{result['run_id']}"
    )
    assert (result["schema"], result["n"]) == (1, 60)
    for name, count in result["counts"].items():
        assert result[name] == (count["count"] / count["of"] if count["of"] else None)
        low, high = result["intervals"][name]
        assert low <= result[name] <= high
    examples = pandas.read_parquet(uninterrupted.path / "examples.parquet")
    assert list(examples) == [
        "example", "label", "clean_prediction", "correct", "adv", "hyp", "sta", "margin",
    ]  # fmt: skip
    assert result["D"] == examples.correct.mean()
    assert result["A"] == pytest.approx(1 - examples.adv.mean())
    assert result["F"] == examples.hyp.mean()
    status = uninterrupted.status()
    assert (status["state"], status["epoch"], status["epochs"], status["reason"]) == ("done", 3, 3, None)
    assert json.loads((uninterrupted.path / "environment.json").read_text())
    assert len(pandas.read_csv(uninterrupted.path / "history.csv")) == 3
    assert not (uninterrupted.path / "checkpoint.previous.pt").exists()


@pytest.mark.parametrize(
    ("experiment", "reason"),
    [
        (small_experiment(Exploding(7.5)), "diverged: the loss of epoch 1 is "),
        (
            small_experiment(
                Thrm(0.25, THRM.attack),
                arch=Mlp(hidden=(16, 16)),
                recipe=small_recipe(epochs=60, learning_rate=1e10),
            ),
            "diverged: the loss of epoch ",
        ),
    ],
)
def test_a_diverged_run_fails_with_its_epoch_and_lambda(
    tmp_path: Path, experiment: Experiment, reason: str
) -> None:
    failing = job(tmp_path, experiment)
    outcome = failing.attempt(Silent())
    lambda_ = f"(lambda={experiment.defense.lambda_:g})"  # type: ignore[attr-defined]
    status = failing.directory.status()
    assert (outcome.state, outcome.reason) == ("failed", status["reason"])
    assert status["reason"].startswith(reason)
    assert status["reason"].endswith(lambda_)
    assert failing.directory.result() is None


@pytest.mark.parametrize("defense", [Standard(), THRM])
def test_a_model_that_diverged_in_its_last_step_fails_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defense: Defense
) -> None:
    """The losses were all finite, the weights are not."""
    train = small_experiment.__globals__["train"]

    def spoilt(model: torch.nn.Module, *arguments: Any, **named: Any) -> Any:
        history = train(model, *arguments, **named)
        with torch.no_grad():
            next(model.parameters()).fill_(math.nan)
        return history

    monkeypatch.setattr("hypo.experiment.train", spoilt)
    outcome = job(tmp_path, small_experiment(defense)).attempt(Silent())
    assert outcome.state == "failed"
    assert outcome.reason is not None
    assert "the trained model's logits are not finite" in outcome.reason
    assert ("lambda=3" in outcome.reason) == (defense is THRM)


def test_an_unforeseen_error_fails_this_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("hypo.experiment.train", broken)
    failing = job(tmp_path)
    assert failing.attempt(Silent()).reason == "ZeroDivisionError: two lines"
    assert "Traceback" in failing.directory.status()["traceback"]


def test_a_run_that_another_process_has_is_not_run_twice(tmp_path: Path) -> None:
    waiting = job(tmp_path)
    with Lock(waiting.directory.path / ".lock"):
        outcome = waiting.attempt(Silent())
    assert outcome.state == "running"
    assert outcome.reason is not None
    assert f"process {os.getpid()} on " in outcome.reason
    assert waiting.directory.status()["state"] == "queued"


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name not in (".lock", "status.json")}


@pytest.mark.parametrize(
    ("broken", "content", "message"),
    [
        ("result.json", b'{"schema": 1, "D": 0.', "the result cannot be read"),
        ("result.json", b"", "the result cannot be read"),
        ("result.json", b"[]", "has schema version None, this version of hypo reads 1"),
        ("result.json", b'{"schema": 2}', "has schema version 2, this version of hypo reads 1"),
        ("result.json", b"\xff\xfe", "the result cannot be read"),
        ("checkpoint.pt", None, "the checkpoint cannot be read"),
        ("checkpoint.pt", b"", "the checkpoint cannot be read"),
        ("config.yaml", b"schema: 2\n", "has schema version 2, this version of hypo reads 1"),
        ("config.yaml", b"a: [1", "cannot be read"),
        ("config.yaml", b"", "has schema version None"),
    ],
)
def test_a_broken_run_directory_gets_one_line_and_loses_nothing(
    tmp_path: Path, broken: str, content: bytes | None, message: str
) -> None:
    stopped = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        stopped.attempt(Stopping(after=2))
    path = stopped.directory.path
    whole = (path / "checkpoint.pt").read_bytes()
    (path / broken).write_bytes(whole[: len(whole) // 2] if content is None else content)
    before = contents(path)
    outcome = job(tmp_path).attempt(Silent())
    assert outcome.state == "failed"
    assert outcome.reason is not None
    assert outcome.reason.startswith(str(path / broken))
    assert message in outcome.reason
    assert "\n" not in outcome.reason
    assert contents(path) == before


def test_after_a_broken_checkpoint_was_moved_away_the_one_before_serves(
    tmp_path: Path, uninterrupted: RunDirectory
) -> None:
    stopped = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        stopped.attempt(Stopping(after=2))
    checkpoint = stopped.directory.path / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    reason = job(tmp_path).attempt(Silent()).reason
    assert reason is not None
    assert "move it away and repeat the command to train from the epoch before" in reason
    checkpoint.unlink()
    assert job(tmp_path).attempt(Silent()).state == "done"
    assert_same_results(stopped.directory, uninterrupted)


def test_a_full_disk_fails_the_run_and_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: RunDirectory
) -> None:
    """From the second checkpoint on there is no room for anything, not even for the status."""
    full: list[bool] = []
    open_ = Path.open

    def opened(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if full and "w" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return open_(path, mode, *arguments, **named)

    class Filling(Silent):
        def epoch(self, row: dict[str, float], epochs: int) -> None:
            full.append(True)

    filling = job(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", opened)
        outcome = filling.attempt(Filling())
    assert outcome.state == "failed"
    assert outcome.reason is not None
    assert "No space left on device" in outcome.reason
    checkpoint = filling.directory.load_checkpoint(torch.device("cpu"))
    assert checkpoint is not None
    assert len(checkpoint["history"]) == 1
    assert job(tmp_path).attempt(Silent()).state == "done"
    assert_same_results(filling.directory, uninterrupted)


def test_jobs_of_other_settings_have_other_directories(tmp_path: Path) -> None:
    one, other = job(tmp_path), job(tmp_path, small_experiment(THRM, seed=1))
    assert one.directory.path != other.directory.path
    assert len(list(tmp_path.iterdir())) == 2
    assert job(tmp_path, small_experiment(THRM, dataset=Stripes(noise=119))).run_id != one.run_id
