"""Worker processes: a pool outlives whatever happens to them, and says what it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from digits_jobs import LONG, ONE_THREAD, is_there, job, meanwhile, run, task, under_way

from hypo.runs.outcome import Outcome
from hypo.runs.status import read as status
from launchers.pool.pool import Pool, Task


def test_workers_serve_from_wave_to_wave_and_one_that_died_is_replaced(tmp_path: Path) -> None:
    jobs = [job(tmp_path, seed=seed) for seed in range(5)]
    long = job(tmp_path, epochs=LONG)

    def kill() -> None:
        os.kill(under_way(long), signal.SIGKILL)

    with Pool([ONE_THREAD]) as pool:
        assert list(run(pool, jobs[0], jobs[1]).values()) == [Outcome("done")] * 2
        assert list(run(pool, jobs[2]).values()) == [Outcome("done")]
        killer = meanwhile(kill)
        found = run(pool, long, jobs[3])
        killer.join()
        assert list(run(pool, jobs[4], jobs[0]).values()) == [Outcome("done"), Outcome("done", trained=False)]
    assert found == {
        long.run_id: Outcome("failed", "killed by SIGKILL", "killed"),
        jobs[3].run_id: Outcome("done"),
    }
    said = status(long.directory.path)
    assert (said["state"], said["reason"], said["cause"]) == ("failed", "killed by SIGKILL", "killed")
    (entry,) = said["attempts"]
    assert (entry["pid"], entry["outcome"], entry["cause"]) == (said["pid"], "failed", "killed")
    pids = [status(one.directory.path)["pid"] for one in jobs]
    assert pids[0] == pids[1] == pids[2] == said["pid"]
    assert pids[3] == pids[4] != pids[0]
    assert not any(map(is_there, pids))


def test_a_pool_that_is_told_to_stop_has_every_run_say_so(tmp_path: Path) -> None:
    long, waiting = job(tmp_path, epochs=LONG), job(tmp_path, seed=1)
    pids: list[int] = []

    def stop() -> None:
        pids.append(under_way(long))
        pool.stop(signal.SIGUSR2)

    with Pool([ONE_THREAD]) as pool:
        stopper = meanwhile(stop)
        found = run(pool, long, waiting)
        stopper.join()
        assert run(pool, waiting)[waiting.run_id].state == "interrupted"
    assert {outcome.state for outcome in found.values()} == {"interrupted"}
    assert {outcome.cause for outcome in found.values()} == {"interrupted"}
    assert len(found) == 2
    said = status(long.directory.path)
    assert (said["state"], said["reason"]) == ("interrupted", "terminated")
    assert not waiting.directory.path.exists()
    assert not is_there(pids[0])


def test_an_error_in_the_launcher_stops_its_workers(tmp_path: Path) -> None:
    long, short = job(tmp_path, epochs=LONG), job(tmp_path, seed=1)

    def launch() -> None:
        with Pool([ONE_THREAD] * 2) as pool:
            for of, outcome in pool.run([task(long), task(short)]):
                assert (of["record"], outcome) == (short.record, Outcome("done"))
                under_way(long)
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        launch()
    said = status(long.directory.path)
    assert (said["state"], said["reason"]) == ("interrupted", "interrupted by the user")
    assert not is_there(said["pid"])


def test_a_worker_that_is_stopped_before_it_has_begun_did_not_fail(tmp_path: Path) -> None:
    """Its signal may come while it is still importing."""
    first = job(tmp_path, epochs=LONG)
    with Pool([ONE_THREAD]) as pool:
        worker = pool_worker(pool)
        worker.signal(signal.SIGINT)
        outcome = worker.attempt(task(first))
    assert (outcome.state, outcome.cause) == ("interrupted", "interrupted")
    assert first.directory.result() is None


def pool_worker(pool: Pool) -> Any:
    """The worker of a pool of one, which has done nothing yet."""
    pool._threads.submit(lambda: None).result()
    return pool._workers[0]


POOL = """
import json, sys
from dataclasses import asdict
from launchers.pool.pool import Pool
if __name__ == "__main__":
    tasks = json.load(sys.stdin)
    with Pool([{}]) as pool:
        for task, outcome in pool.run(tasks):
            print(json.dumps(asdict(outcome)), flush=True)
"""


def outcomes_elsewhere(folder: Path, tasks: Sequence[Task], variables: Mapping[str, str]) -> list[Outcome]:
    """The outcomes of a pool in a process of its own."""
    (folder / "pool.py").write_text(POOL)
    ran = subprocess.run(
        [sys.executable, "pool.py"],
        cwd=folder,
        input=json.dumps(tasks),
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr
    return [Outcome(**json.loads(line)) for line in ran.stdout.splitlines()]


def test_a_worker_that_cannot_import_says_what(tmp_path: Path) -> None:
    """As where the code was copied to a machine with other packages."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "rich.py").write_text('raise ModuleNotFoundError("No module named rich")')
    jobs = [job(tmp_path, seed=seed) for seed in range(2)]
    reason = "the worker exited with 1: ModuleNotFoundError: No module named rich"
    variables = {"PYTHONPATH": str(tmp_path / "broken")}
    found = outcomes_elsewhere(tmp_path, [task(one) for one in jobs], variables)
    assert found == [Outcome("failed", reason, "error")] * 2
    for one in jobs:
        said = status(one.directory.path)
        assert (said["state"], said["reason"], said["cause"]) == ("failed", reason, "error")


def test_the_current_directory_holds_no_code(tmp_path: Path) -> None:
    """A file there that is called like a module is not imported in its place."""
    (tmp_path / "rich.py").write_text("raise ZeroDivisionError")
    assert outcomes_elsewhere(tmp_path, [task(job(tmp_path))], {}) == [Outcome("done")]
