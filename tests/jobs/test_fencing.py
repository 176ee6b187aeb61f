"""Two processes at one run: only one works, and the older writes nothing once a newer one took over."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from compared import assert_same_results
from small_jobs import Silent, job

from hypo.jobs.attempt import attempt
from hypo.jobs.job import Job
from hypo.runs.directory import RunDirectory
from hypo.runs.lock import Claim, Lock, holder
from hypo.runs.outcome import Outcome


def test_a_run_that_another_process_has_is_not_run_twice(tmp_path: Path) -> None:
    waiting = job(tmp_path)
    with Lock(waiting.directory.path / ".lock"):
        outcome = attempt(waiting, Silent())
    assert outcome.state == "running"
    assert outcome.reason is not None
    assert f"process {os.getpid()} on " in outcome.reason
    assert waiting.directory.status()["state"] == "queued"


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
