"""Worker processes: a pool outlives whatever happens to them, and says what it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from small_jobs import THRM
from small_jobs import job as small_job
from small_models import small_experiment, small_recipe

from hypo.architectures.mlp import Mlp
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.datasets.digits import Digits
from hypo.jobs.job import Job
from hypo.measurements.evaluation import Evaluation
from hypo.runs.outcome import Outcome
from hypo.runs.status import read as status
from launchers.pool.pool import Pool, Task

ONE_THREAD = {"OMP_NUM_THREADS": "1"}

LONG = 100_000
"""Epochs of a run that is not meant to get to its end."""


def job(folder: Path, epochs: int = 1, seed: int = 0) -> Job:
    """A run on the digits, which another process can load, planned but not created."""
    planned = small_job(
        folder / "other",
        small_experiment(
            THRM,
            dataset=Digits(),
            arch=Mlp(hidden=(8,)),
            recipe=small_recipe(epochs=epochs, train_limit=60),
            evaluation=Evaluation(ProjectedGradient(steps=2), test_limit=50),
            seed=seed,
        ),
    )
    return Job(planned.experiment, planned.config, planned.command, folder / "runs", planned.tracking)


def task(of: Job) -> Task:
    return {"runs": str(of.runs), "record": of.record, "group": None}


def under_way(of: Job) -> int:
    """Waits until a run has had an epoch; returns its process."""
    while not status(of.directory.path).get("epoch"):
        time.sleep(0.01)
    return status(of.directory.path)["pid"]


def meanwhile(do: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=do)
    thread.start()
    return thread


def run(pool: Pool, *jobs: Job) -> dict[str, Outcome]:
    """The outcomes by run id."""
    return {of["record"]["config"]["run_id"]: outcome for of, outcome in pool.run([task(job) for job in jobs])}


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


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


def test_one_that_does_not_stop_in_time_is_killed(tmp_path: Path) -> None:
    long = job(tmp_path, epochs=LONG)

    def stop() -> None:
        os.kill(under_way(long), signal.SIGSTOP)  # it hears no other signal any more
        pool.stop(signal.SIGUSR2)
        pool.wait(0.1)

    with Pool([ONE_THREAD]) as pool:
        stopper = meanwhile(stop)
        found = run(pool, long)
        stopper.join()
    assert found[long.run_id] == Outcome("interrupted", "ended by SIGUSR2", "interrupted")
    assert status(long.directory.path)["state"] == "interrupted"


def test_a_result_counts_whatever_became_of_its_worker(tmp_path: Path) -> None:
    """Killed after the result was written and before it could answer."""
    done = job(tmp_path)
    with Pool([ONE_THREAD]) as pool:
        assert run(pool, done) == {done.run_id: Outcome("done")}
        worker = pool._workers[0]
        worker._process.kill()
        assert run(pool, done) == {done.run_id: Outcome("done")}
    assert status(done.directory.path)["state"] == "done"


def test_a_run_that_grew_too_large_is_said_to_have_no_memory(tmp_path: Path) -> None:
    """What the system kills where a job outgrows its limit says nothing itself."""
    long = job(tmp_path, epochs=LONG)

    def kill() -> None:
        pid = under_way(long)
        while not pool._workers[0]._peak:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)

    with Pool([ONE_THREAD], memory_limit=1e6) as pool:
        killer = meanwhile(kill)
        outcome = run(pool, long)[long.run_id]
        killer.join()
    assert (outcome.state, outcome.cause) == ("failed", "out of memory")
    assert outcome.reason is not None
    assert outcome.reason.startswith("out of memory: killed at ")
    assert status(long.directory.path)["cause"] == "out of memory"


def test_what_cannot_be_noted_is_an_outcome_all_the_same(tmp_path: Path) -> None:
    long = job(tmp_path, epochs=LONG)
    outcomes: list[Outcome] = []

    def make_room_for_a_file() -> None:
        pid = under_way(long)
        os.kill(pid, signal.SIGSTOP)
        long.directory.path.rename(tmp_path / "moved")
        long.directory.path.write_text("a file where the folder was")
        os.kill(pid, signal.SIGKILL)

    with Pool([ONE_THREAD]) as pool:
        mover = meanwhile(make_room_for_a_file)
        outcomes += run(pool, long).values()
        mover.join()
    assert outcomes == [Outcome("failed", "killed by SIGKILL", "killed")]


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
