"""Whole jobs: killed, resumed, failing, repeated, fenced off by a newer attempt."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas
import pytest
import torch
from small_jobs import THRM, Silent, job
from small_models import Exploding, small_experiment, small_recipe

from hypo.architectures.mlp import Mlp
from hypo.attempt import attempt
from hypo.defenses.defense import Defense
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.errors import DivergedError, InputError
from hypo.experiment import Experiment
from hypo.job import Job
from hypo.lock import Claim, Lock, holder
from hypo.outcome import CAUSES, Outcome
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
    assert attempt(done, Silent()).state == "done"
    return done.directory


KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from small_jobs import Silent, job
import hypo.training
from hypo.attempt import attempt

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
attempt(job(pathlib.Path(sys.argv[2])), Observer())
"""


@pytest.mark.parametrize(("moment", "epochs"), [("epoch", 1), ("checkpoint", 1), ("evaluation", 3)])
def test_a_killed_run_resumes_as_if_nothing_had_happened(
    tmp_path: Path, uninterrupted: RunDirectory, moment: str, epochs: int
) -> None:
    tests = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLED, tests, str(tmp_path), moment]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": tests}) as killed:
        pass
    assert killed.returncode == -signal.SIGKILL
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


NODE_FAILURE = Outcome("interrupted", "its node failed", "node failure")


def test_who_knows_how_the_last_attempt_ended_says_so(tmp_path: Path) -> None:
    again = job(tmp_path)
    left_open = {"host": "node1", "pid": 7, "started_at": "2026-11-21T06:30:00+00:00"}
    again.directory.update_status(state="running", attempts=[left_open])
    assert attempt(again, Silent(), before=NODE_FAILURE).state == "done"
    first, second = again.directory.status()["attempts"]
    assert first.items() >= left_open.items()
    assert Outcome(first["outcome"], first["reason"], first["cause"]) == NODE_FAILURE
    assert second["outcome"] == "done"


def test_what_an_attempt_said_itself_is_not_said_otherwise_later(tmp_path: Path) -> None:
    stopped = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        attempt(stopped, Stopping(after=1))
    said = stopped.directory.status()["attempts"]
    assert attempt(stopped, Silent(), before=NODE_FAILURE).state == "done"
    assert stopped.directory.status()["attempts"][:1] == said


def test_an_attempt_says_for_whom_it_was_made(tmp_path: Path) -> None:
    about = {"job": "17_3", "restart": 1, "node": "node1"}
    done = job(tmp_path)
    assert attempt(done, Silent(), claim=Claim(about=about)).state == "done"
    (entry,) = done.directory.status()["attempts"]
    assert entry.items() >= about.items()
    assert (entry["pid"], holder(done.directory.path / ".lock")["job"]) == (os.getpid(), "17_3")


def test_a_finished_run_is_left_alone(uninterrupted: RunDirectory) -> None:
    def state() -> dict[str, tuple[bytes, int]]:
        return {
            path.name: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in uninterrupted.path.iterdir()
            if path.name != ".lock"
        }

    before = state()
    outcome = attempt(job(uninterrupted.path.parents[1], dataset="another-name"), Silent())
    assert (outcome.state, outcome.trained) == ("done", False)
    assert state() == before
    assert len(list(uninterrupted.path.parent.iterdir())) == 1


def test_what_cannot_change_a_result_may_be_set_anew(tmp_path: Path) -> None:
    """Another device, under the same run id: config.yaml says what the newest attempt computed with."""
    experiment = small_experiment(THRM)
    stopped = job(tmp_path, experiment)
    with pytest.raises(KeyboardInterrupt):
        attempt(stopped, Stopping(after=1))
    assert stopped.directory.config() == stopped.record["config"]
    evaluation = replace(experiment.evaluation, batch=7)
    again = job(tmp_path, replace(experiment, device="auto", evaluation=evaluation))
    assert again.run_id == stopped.run_id
    assert again.directory.config()["device"] == "cpu"
    assert attempt(again, Silent()).state == "done"
    config = again.directory.config()
    assert (config["device"], config["evaluation"]["batch"]) == ("auto", 7)
    assert config == again.record["config"]
    assert attempt(stopped, Silent()) == Outcome("done", trained=False)
    assert again.directory.config() == config


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
        "example", "label", "clean_prediction", "correct", "adv", "hyp", "sta", "margin", "lead",
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
    outcome = attempt(failing, Silent())
    lambda_ = f"(lambda={experiment.defense.lambda_:g})"  # type: ignore[attr-defined]
    status = failing.directory.status()
    assert (outcome.state, outcome.reason, outcome.cause) == ("failed", status["reason"], "diverged")
    assert status["cause"] == status["attempts"][-1]["cause"] == "diverged"
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
    outcome = attempt(job(tmp_path, small_experiment(defense)), Silent())
    assert (outcome.state, outcome.cause) == ("failed", "diverged")
    assert outcome.reason is not None
    assert "the trained model's logits are not finite" in outcome.reason
    assert ("lambda=3" in outcome.reason) == (defense is THRM)


def test_an_unforeseen_error_fails_this_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("hypo.experiment.train", broken)
    failing = job(tmp_path)
    assert attempt(failing, Silent()) == Outcome("failed", "ZeroDivisionError: two lines", "error")
    assert "Traceback" in failing.directory.status()["traceback"]


def no_memory_for_this() -> None:
    torch.empty(2**50)


def raising(error: Exception) -> Any:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("fail", "reason", "cause"),
    [
        (raising(MemoryError()), "out of memory: MemoryError", "out of memory"),
        (
            raising(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nSee documentation")),
            "out of memory: CUDA out of memory. Tried to allocate 2 GiB",
            "out of memory",
        ),
        (lambda *_, **__: no_memory_for_this(), "out of memory: ", "out of memory"),
        (
            raising(OSError(errno.ENOSPC, "No space left on device")),
            "OSError: [Errno 28] No space left on device",
            "disk full",
        ),
        (raising(OSError(errno.EDQUOT, "Disk quota exceeded")), "OSError: [Errno 122] Disk quota", "disk full"),
        (raising(OSError(errno.EIO, "Input/output error")), "OSError: [Errno 5] Input/output error", "error"),
        (raising(InputError("dataset.root: is gone")), "dataset.root: is gone", "bad data"),
        (raising(DivergedError("the loss is inf")), "diverged: the loss is inf (lambda=3)", "diverged"),
        (raising(RuntimeError("mat1 and mat2\ndo not fit")), "RuntimeError: mat1 and mat2 do not fit", "error"),
    ],
    ids=["memory", "GPU memory", "CPU memory", "disk", "quota", "I/O", "input", "loss", "unforeseen"],
)
def test_a_failure_has_a_cause_that_a_script_can_rely_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: Any, reason: str, cause: str
) -> None:
    monkeypatch.setattr("hypo.experiment.train", fail)
    failing = job(tmp_path)
    outcome = attempt(failing, Silent())
    assert (outcome.state, outcome.cause) == ("failed", cause)
    assert cause in CAUSES
    assert outcome.reason is not None
    assert outcome.reason.startswith(reason)
    assert "\n" not in outcome.reason
    status = failing.directory.status()
    for said in (status, status["attempts"][-1]):
        assert (said["reason"], said["cause"]) == (outcome.reason, cause)
    assert status["state"] == status["attempts"][-1]["outcome"] == "failed"
    assert (status["traceback"] is not None) == (cause == "error")
    assert attempt(failing, Silent()) == outcome
    assert len(failing.directory.status()["attempts"]) == 2


def test_a_failed_run_shows_the_end_of_its_log_until_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = job(tmp_path)
    log = failing.directory.path / "log.txt"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    seen: list[list[str]] = []

    class Watching(Silent):
        def epoch(self, row: dict[str, float], epochs: int) -> None:
            seen.append(failing.directory.status()["log"])

    with monkeypatch.context() as patched:
        patched.setattr("hypo.experiment.train", raising(RuntimeError("gone")))
        attempt(failing, Silent())
    assert failing.directory.status()["log"] == [f"line {number}" for number in range(80, 100)]
    assert attempt(failing, Watching()).state == "done"
    assert seen == [[], [], []]
    status = failing.directory.status()
    assert (status["log"], status["traceback"]) == ([], None)


def test_a_run_that_another_process_has_is_not_run_twice(tmp_path: Path) -> None:
    waiting = job(tmp_path)
    with Lock(waiting.directory.path / ".lock"):
        outcome = attempt(waiting, Silent())
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
        attempt(stopped, Stopping(after=2))
    path = stopped.directory.path
    whole = (path / "checkpoint.pt").read_bytes()
    (path / broken).write_bytes(whole[: len(whole) // 2] if content is None else content)
    before = contents(path)
    outcome = attempt(job(tmp_path), Silent())
    assert (outcome.state, outcome.cause) == ("failed", "bad data")
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
        attempt(stopped, Stopping(after=2))
    checkpoint = stopped.directory.path / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    reason = attempt(job(tmp_path), Silent()).reason
    assert reason is not None
    assert "move it away and repeat the command to train from the epoch before" in reason
    checkpoint.unlink()
    assert attempt(job(tmp_path), Silent()).state == "done"
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
        outcome = attempt(filling, Filling())
    assert (outcome.state, outcome.cause) == ("failed", "disk full")
    assert outcome.reason is not None
    assert "No space left on device" in outcome.reason
    checkpoint = filling.directory.load_checkpoint(torch.device("cpu"))
    assert checkpoint is not None
    assert len(checkpoint["history"]) == 1
    assert attempt(job(tmp_path), Silent()).state == "done"
    assert_same_results(filling.directory, uninterrupted)


def everything(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def taken_over_after(
    monkeypatch: pytest.MonkeyPatch, fenced: Job, method: str, call: int
) -> tuple[list[Outcome], list[dict[str, bytes]]]:
    """Right after the call number `call` of `RunDirectory.method` a newer attempt takes over, and is done.

    Returns:
        Its outcome and what it left in the run directory, once it was made.
    """
    outcomes: list[Outcome] = []
    left: list[dict[str, bytes]] = []
    calls: list[str] = []
    original = getattr(RunDirectory, method)

    def then_taken_over(self: RunDirectory, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        calls.append(method)
        if len(calls) == call:
            token = holder(self.path / ".lock")["token"]
            outcomes.append(attempt(fenced, Silent(), claim=Claim(takes_over=token, about={"job": "18"})))
            left.append(everything(self.path))

    monkeypatch.setattr(RunDirectory, method, then_taken_over)
    return outcomes, left


# What the fenced attempt would write next is a checkpoint, the status, the model, the examples, the result.
MOMENTS = [
    ("update_status", 3),
    ("save_checkpoint", 2),
    ("update_status", 4),
    ("save_model", 1),
    ("save_examples", 1),
]


@pytest.mark.parametrize(("method", "call"), MOMENTS)
def test_a_fenced_attempt_changes_nothing_that_the_newer_one_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: RunDirectory, method: str, call: int
) -> None:
    fenced = job(tmp_path)
    outcomes, left = taken_over_after(monkeypatch, fenced, method, call)
    outcome = attempt(fenced, Silent())
    assert outcomes == [Outcome("done")]
    path = fenced.directory.path
    who = f"process {os.getpid()} on {socket.gethostname()}, job 18"
    assert outcome == Outcome("running", f"{path}: was taken over by another process ({who})")
    assert everything(path) == left[0]
    assert_same_results(fenced.directory, uninterrupted)
    old, new = fenced.directory.status()["attempts"]
    assert (old["outcome"], old["cause"]) == ("interrupted", "killed")
    assert (new["outcome"], new["job"]) == ("done", "18")


def test_a_fenced_attempt_that_fails_afterwards_keeps_it_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking(Silent):
        def epoch(self, row: dict[str, float], epochs: int) -> None:
            if outcomes:
                raise ZeroDivisionError

    fenced = job(tmp_path)
    outcomes, left = taken_over_after(monkeypatch, fenced, "update_status", 2)
    assert attempt(fenced, Breaking()).state == "running"
    assert outcomes == [Outcome("done")]
    assert everything(fenced.directory.path) == left[0]


def test_a_fenced_attempt_that_is_interrupted_stops_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Silent):
        def epoch(self, row: dict[str, float], epochs: int) -> None:
            if outcomes:
                raise KeyboardInterrupt

    fenced = job(tmp_path)
    outcomes, left = taken_over_after(monkeypatch, fenced, "update_status", 2)
    with pytest.raises(KeyboardInterrupt):
        attempt(fenced, Interrupted())
    assert outcomes == [Outcome("done")]
    assert everything(fenced.directory.path) == left[0]


def test_an_attempt_in_line_finds_the_result_of_the_one_before(tmp_path: Path) -> None:
    waiting = job(tmp_path)
    outcomes: list[Outcome] = []

    class Queueing(Silent):
        def epoch(self, row: dict[str, float], epochs: int) -> None:
            if not line:
                line.append(threading.Thread(target=stand_in_line))
                line[0].start()

    def stand_in_line() -> None:
        outcomes.append(attempt(waiting, Silent(), claim=Claim(wait=True)))

    line: list[threading.Thread] = []
    assert attempt(job(tmp_path), Queueing()) == Outcome("done")
    line[0].join(60)
    assert outcomes == [Outcome("done", trained=False)]


def test_a_run_directory_that_cannot_be_made_fails_this_run_alone(tmp_path: Path) -> None:
    homeless = job(tmp_path)
    shutil.rmtree(homeless.directory.path)
    homeless.directory.path.write_text("a file where the folder was to be")
    outcome = attempt(homeless, Silent())
    assert (outcome.state, outcome.cause) == ("failed", "bad data")
    assert outcome.reason is not None
    assert outcome.reason.startswith(f"output_dir: cannot write {homeless.directory.path}: ")
