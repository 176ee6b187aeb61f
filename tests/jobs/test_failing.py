"""Jobs that fail: each with its reason and cause, and nothing lost."""

from __future__ import annotations

import errno
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from raising import no_memory_for_this, raising
from small_jobs import THRM, Silent, job
from small_models import Exploding, small_experiment, small_recipe

from hypo.architectures.mlp import Mlp
from hypo.defenses.defense import Defense
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
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

    monkeypatch.setattr("hypo.jobs.training.train", spoilt)
    outcome = attempt(job(tmp_path, small_experiment(defense)), Silent())
    assert (outcome.state, outcome.cause) == ("failed", "diverged")
    assert outcome.reason is not None
    assert "the trained model's logits are not finite" in outcome.reason
    assert ("lambda=3" in outcome.reason) == (defense is THRM)


def test_an_unforeseen_error_fails_this_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("hypo.jobs.training.train", broken)
    failing = job(tmp_path)
    assert attempt(failing, Silent()) == Outcome("failed", "ZeroDivisionError: two lines", "error")
    assert "Traceback" in failing.directory.status()["traceback"]


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
    monkeypatch.setattr("hypo.jobs.training.train", fail)
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
        patched.setattr("hypo.jobs.training.train", raising(RuntimeError("gone")))
        attempt(failing, Silent())
    assert failing.directory.status()["log"] == [f"line {number}" for number in range(80, 100)]
    assert attempt(failing, Watching()).state == "done"
    assert seen == [[], [], []]
    status = failing.directory.status()
    assert (status["log"], status["traceback"]) == ([], None)
