"""What each run of a sweep is doing, from files and from what Slurm says: every state, every reason."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from submitted_sweep import BEGUN, SlurmWithJobs, SubmittedSweep, cancelled, log, queued, says

from hypo.runs.lock import Lock


@pytest.mark.parametrize("state", ["done", "running", "failed"])
def test_a_valid_result_is_done_whatever_else_is_said(
    state: str, slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.done()
    sweep.status(state, reason="something", attempts=[sweep.attempt(sweep.submit())], epoch=10)
    slurm.queue(queued(0, "RUNNING"))
    cell = sweep.cell
    assert says(cell) == ("done", "", "")
    assert (cell.epoch, cell.epochs, cell.attempts) == (10, 10, 1)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"schema": 0}', "schema version 0"),
    ],
)
def test_a_broken_result_is_not_done(
    content: str, fault: str, slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.done()
    (sweep.directory() / "result.json").write_text(content)
    state, reason, cause = says(sweep.cell)
    assert (state, cause) == ("failed", "bad data")
    assert fault in reason
    assert "\n" not in reason


def test_a_result_that_was_removed_is_not_done(slurm: SlurmWithJobs, sweep: SubmittedSweep) -> None:
    sweep.done()
    (sweep.directory() / "result.json").unlink()
    assert says(sweep.cell) == ("interrupted", "its result.json is not there any more", "")


def test_a_running_job_shows_how_far_it_is(slurm: SlurmWithJobs, sweep: SubmittedSweep) -> None:
    submission = sweep.submit()
    sweep.status("running", attempts=[sweep.attempt(submission), sweep.attempt(submission)], epoch=4)
    sweep.beat(at=time.time() - 3600)
    (sweep.directory() / "history.csv").write_text("epoch,seconds\n1,20\n2,30\n3,40\n4,30\n")
    slurm.queue(queued(0, "RUNNING", node="n7"))
    cell = sweep.cell
    assert says(cell) == ("running", "", "")
    assert (cell.epoch, cell.epochs, cell.attempts, cell.node) == (4, 10, 2, "n7")
    assert cell.seconds_left == 6 * 30
    assert cell.beat is not None
    assert cell.beat >= 3600
    assert cell.job is not None
    assert (cell.job.job, cell.log) == ("7_0", ())


@pytest.mark.parametrize("history", [None, "", "epoch,seconds\n", "epoch\n1\n", "epoch,seconds\n1,\n"])
def test_before_the_first_epoch_no_time_is_guessed(
    history: str | None, slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.status("running", attempts=[sweep.attempt(sweep.submit())])
    if history is not None:
        (sweep.directory() / "history.csv").write_text(history)
    slurm.queue(queued(0, "RUNNING", node="n7"))
    assert (sweep.cell.state, sweep.cell.seconds_left, sweep.cell.beat) == ("running", None, None)


def test_a_process_of_this_machine_runs_as_long_as_it_holds_the_lock(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.status("running", attempts=[sweep.attempt()], host=socket.gethostname(), epoch=3)
    with Lock(sweep.directory() / ".lock"):
        assert says(sweep.cell) == ("running", "", "")
    assert says(sweep.cell) == ("interrupted", "ended without a word at epoch 3", "killed")


def test_a_process_elsewhere_runs_as_long_as_it_gives_signs_of_life(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.status("running", attempts=[sweep.attempt()], epoch=3)
    sweep.beat()
    assert (sweep.cell.state, sweep.cell.node) == ("running", "away")
    sweep.beat(at=time.time() - 3600)
    assert says(sweep.cell) == ("interrupted", "ended without a word at epoch 3", "killed")


@pytest.mark.parametrize(
    ("state", "reason", "shown"),
    [
        ("PENDING", "Priority", "Priority"),
        ("PENDING", "ReqNodeNotAvail, Reserved", "ReqNodeNotAvail, Reserved"),
        ("CONFIGURING", "None", "starting"),
        ("RUNNING", "None", "starting"),
    ],
)
def test_a_job_that_waits_says_for_what(
    state: str, reason: str, shown: str, slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.submit()
    slurm.queue(queued(0, state, reason), queued(1, "PENDING", "Resources"))
    assert says(sweep.cell) == ("queued", shown, "")
    assert says(sweep.cells[1]) == ("queued", "Resources", "")


@pytest.mark.parametrize(
    ("noted", "printed", "shown"),
    [
        (
            {"state": "interrupted", "reason": "the time limit was near", "cause": "time-out"},
            "",
            "the time limit was near",
        ),
        ({"state": "running"}, cancelled("PREEMPTION"), "preempted"),
        (
            {"state": "interrupted", "reason": "terminated", "cause": "interrupted"},
            cancelled("JOB REQUEUE"),
            "requeued",
        ),
        ({"state": "running"}, "", "ended without a word at epoch 6"),
    ],
)
def test_a_job_that_waits_again_says_how_its_last_attempt_ended(
    noted: dict[str, str], printed: str, shown: str, slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    submission = sweep.submit()
    sweep.status(**noted, attempts=[sweep.attempt(submission)], epoch=6)
    log(submission, 0, BEGUN, printed)
    slurm.queue(queued(0, "PENDING", "BeginTime"))
    cell = sweep.cell
    assert cell.state == "queued"
    assert cell.reason.startswith(f"BeginTime; again, after: {shown}")
    assert (cell.epoch, cell.attempts, cell.node) == (6, 1, "n1")


def test_of_runs_packed_in_one_job_each_has_a_state_of_its_own(slurm: SlurmWithJobs, tmp_path: Path) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", [f"thrm-lambda{number}" for number in range(6)])
    submission = sweep.submit(range(6))
    once, thrice = [sweep.attempt(submission)], [sweep.attempt(submission)] * 3
    sweep.status("running", 0, once)
    sweep.status("failed", 1, once, reason="diverged: loss nan", cause="diverged", log=["last"])
    sweep.status("failed", 2, once, reason="killed by SIGKILL", cause="killed")
    sweep.status("failed", 3, thrice, reason="given up", cause="killed")
    sweep.done(4)
    slurm.queue(queued(0, "RUNNING"))
    cells = sweep.cells
    assert [cell.state for cell in cells] == ["running", "failed", "queued", "failed", "done", "queued"]
    assert (cells[1].reason, cells[1].cause, cells[1].log) == ("diverged: loss nan", "diverged", ["last"])
    assert cells[2].reason == "starting; again, after: killed by SIGKILL"
    assert cells[5].reason == "starting"
