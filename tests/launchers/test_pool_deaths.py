"""Workers that end before their time: what is said of their runs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from digits_jobs import LONG, ONE_THREAD, job, meanwhile, run, under_way

from hypo.runs.outcome import Outcome
from hypo.runs.status import read as status
from launchers.pool.pool import Pool


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
