"""Jobs that fail: each with its reason and cause, and nothing lost."""

from __future__ import annotations

import errno
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from compared import Stopping, assert_same_results
from small_jobs import THRM, Silent, job
from small_models import Exploding, small_experiment, small_recipe

from hypo.architectures.mlp import Mlp
from hypo.defenses.defense import Defense
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
from hypo.runs.directory import RunDirectory
from hypo.runs.outcome import CAUSES, Outcome
from hypo.settings.errors import DivergedError, InputError


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

    monkeypatch.setattr("hypo.jobs.experiment.train", spoilt)
    outcome = attempt(job(tmp_path, small_experiment(defense)), Silent())
    assert (outcome.state, outcome.cause) == ("failed", "diverged")
    assert outcome.reason is not None
    assert "the trained model's logits are not finite" in outcome.reason
    assert ("lambda=3" in outcome.reason) == (defense is THRM)


def test_an_unforeseen_error_fails_this_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("hypo.jobs.experiment.train", broken)
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
    monkeypatch.setattr("hypo.jobs.experiment.train", fail)
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
        patched.setattr("hypo.jobs.experiment.train", raising(RuntimeError("gone")))
        attempt(failing, Silent())
    assert failing.directory.status()["log"] == [f"line {number}" for number in range(80, 100)]
    assert attempt(failing, Watching()).state == "done"
    assert seen == [[], [], []]
    status = failing.directory.status()
    assert (status["log"], status["traceback"]) == ([], None)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name not in (".lock", "status.json")}


@pytest.mark.parametrize(
    ("broken", "content", "message"),
    [
        ("result.json", b'{"schema": 2, "D": 0.', "the result cannot be read"),
        ("result.json", b"", "the result cannot be read"),
        ("result.json", b"[]", "has schema version None, this version of hypo reads 2"),
        ("result.json", b'{"schema": 3}', "has schema version 3, this version of hypo reads 2"),
        ("result.json", b"\xff\xfe", "the result cannot be read"),
        ("checkpoint.pt", None, "the checkpoint cannot be read"),
        ("checkpoint.pt", b"", "the checkpoint cannot be read"),
        ("config.yaml", b"schema: 3\n", "has schema version 3, this version of hypo reads 2"),
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


def test_a_run_directory_that_cannot_be_made_fails_this_run_alone(tmp_path: Path) -> None:
    homeless = job(tmp_path)
    shutil.rmtree(homeless.directory.path)
    homeless.directory.path.write_text("a file where the folder was to be")
    outcome = attempt(homeless, Silent())
    assert (outcome.state, outcome.cause) == ("failed", "bad data")
    assert outcome.reason is not None
    assert outcome.reason.startswith(f"output_dir: cannot write {homeless.directory.path}: ")
