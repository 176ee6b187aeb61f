"""The process that runs what it is told: its answers, its logs, and how it stops."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest
import torch
from digits_jobs import job
from forked import Forked

from hypo.jobs.job import Job
from hypo.runs.lock import Claim, Lock, holder
from hypo.runs.outcome import STOPPED, Outcome

SERVE = """
import sys
from multiprocessing.connection import Connection
from hypo.command_line.worker import serve
serve(Connection(int(sys.argv[1])))
"""


class Worker(Forked):
    """A worker in a process of its own, and our end of the connection to it."""

    def __init__(self, folder: Path, *tasks: dict[str, Any]) -> None:
        self.connection, theirs = Pipe()
        for task in tasks:  # which are there before it has begun
            self.connection.send(task)
        super().__init__("-c", SERVE, str(theirs.fileno()), cwd=folder, pass_fds=[theirs.fileno()])
        theirs.close()

    def end(self) -> int:
        """Give it no more to do, and wait; it has nothing to complain of. Returns its exit code."""
        self.connection.close()
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended; it has nothing to complain of. Returns its exit code."""
        code = self.wait()
        assert self.err == ""
        return code


Start = Callable[..., Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a worker with some tasks."""
    with ExitStack() as started:

        def worker(*tasks: dict[str, Any]) -> Worker:
            process = started.enter_context(Worker(tmp_path, *tasks))
            started.callback(process.connection.close)
            return process

        yield worker


def task(of: Job, **more: Any) -> dict[str, Any]:
    return {"runs": str(of.runs), "record": of.record, "group": None, **more}


def under_way(of: Job) -> int:
    """Waits until a run is at an epoch that is far from the last one; returns its process."""
    while not 0 < of.directory.status().get("epoch", 0) < 1000:
        time.sleep(0.01)
    return of.directory.status()["pid"]


def test_each_task_gets_one_answer_and_a_log_of_its_own(tmp_path: Path, start: Start) -> None:
    first, second = job(tmp_path), job(tmp_path, seed=1, epochs=2)
    second.create()
    second.directory.update_status(state="running", attempts=[{"host": "node1", "job": "17"}])
    before = Outcome("interrupted", "its node failed", "node failure")
    claim = Claim(about={"job": "18", "restart": 0})
    worker = start(task(first), task(second, before=before, claim=claim), task(first))
    said = [worker.connection.recv() for _ in range(3)]
    assert said == [Outcome("done"), Outcome("done"), Outcome("done", trained=False)]
    worker.send_signal(signal.SIGUSR2)  # it is idle
    assert worker.ended() == STOPPED
    assert (first.directory.path / "log.txt").read_text().startswith("epoch 1 of 1: loss ")
    assert len((second.directory.path / "log.txt").read_text().splitlines()) == 2
    for done in (first, second):
        assert done.directory.config() == done.record["config"]
        status = done.directory.status()
        assert (status["state"], status["command"], status["pid"]) == ("done", done.command, worker.pid)
    old, new = second.directory.status()["attempts"]
    assert (old["job"], old["cause"], old["reason"]) == ("17", "node failure", "its node failed")
    assert (new["job"], new["restart"], new["outcome"]) == ("18", 0, "done")


def test_a_run_stops_when_nobody_is_left_who_gave_it(tmp_path: Path, start: Start) -> None:
    long = job(tmp_path, epochs=100_000)
    worker = start(task(long))
    assert under_way(long) == worker.pid
    assert worker.end() == STOPPED
    status = long.directory.status()
    assert (status["state"], status["reason"], status["cause"]) == ("interrupted", "terminated", "interrupted")
    (entry,) = status["attempts"]
    assert (entry["outcome"], entry["cause"]) == ("interrupted", "interrupted")
    with Lock(long.directory.path / ".lock"):
        pass  # it is free


def test_who_leaves_right_after_a_task_stops_it_too(tmp_path: Path, start: Start) -> None:
    """However early it is: nobody would hear the answer."""
    long = job(tmp_path, epochs=100_000)
    assert start(task(long)).end() == STOPPED
    assert long.directory.result() is None


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_is_noted_and_ends_the_worker(tmp_path: Path, start: Start, number: signal.Signals) -> None:
    long = job(tmp_path, epochs=100_000)
    worker = start(task(long))
    under_way(long)
    worker.send_signal(number)
    assert worker.ended() == STOPPED
    status = long.directory.status()
    assert (status["state"], status["reason"], status["cause"]) == ("interrupted", "terminated", "interrupted")
    assert [entry["outcome"] for entry in status["attempts"]] == ["interrupted"]
    checkpoint = long.directory.load_checkpoint(torch.device("cpu"))
    assert checkpoint is not None
    assert len(checkpoint["history"]) in (status["epoch"], status["epoch"] + 1)


def test_a_task_may_take_a_run_over(tmp_path: Path, start: Start) -> None:
    long = job(tmp_path, epochs=100_000)
    old = start(task(long))
    under_way(long)
    token = holder(long.directory.path / ".lock")["token"]
    new = start(task(long, claim=Claim(takes_over=token, about={"job": "18"})))
    fenced = old.connection.recv()
    assert fenced.state == "running"
    assert f"was taken over by another process (process {new.pid} on " in fenced.reason
    assert new.poll() is None
    assert old.end() == 0
    while long.directory.status()["pid"] != new.pid:
        time.sleep(0.01)
    assert [entry.get("job") for entry in long.directory.status()["attempts"]] == [None, "18"]


def test_a_run_that_cannot_be_begun_is_failed_and_the_next_one_runs(tmp_path: Path, start: Start) -> None:
    changed, homeless, next_one = job(tmp_path), job(tmp_path, seed=1), job(tmp_path, seed=2)
    other = json.loads(json.dumps(task(changed)))
    other["record"]["config"]["recipe"]["epochs"] += 1
    homeless.runs.mkdir()
    homeless.directory.path.write_text("a file where the folder was to be")
    worker = start(other, task(homeless), task(next_one))
    refused, not_made, done = (worker.connection.recv() for _ in range(3))
    assert (refused.state, refused.cause) == ("failed", "bad data")
    assert "its data or the code changed since it was planned" in refused.reason
    status = changed.directory.status()
    assert (status["state"], status["reason"], status["cause"]) == ("failed", refused.reason, "bad data")
    assert (not_made.state, not_made.cause) == ("failed", "bad data")
    assert not_made.reason.startswith(f"output_dir: cannot write {homeless.directory.path}: ")
    assert done == Outcome("done")
    assert worker.end() == 0
