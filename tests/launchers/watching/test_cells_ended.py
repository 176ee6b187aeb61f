"""How a run of a sweep ended, from what it noted and from what Slurm says: every reason."""

from __future__ import annotations

import pytest
from submitted_sweep import BEGUN, SlurmWithJobs, SubmittedSweep, cancelled, log, queued, says

from hypo.runs.outcome import CAUSES


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("launcher", ["sequential", "slurm"])
def test_a_failure_says_what_the_run_noted(
    launcher: str, cause: str, slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    submission = sweep.submit() if launcher == "slurm" else None
    noted = {"reason": f"{cause} at epoch 4", "cause": cause, "log": ["one", "two"]}
    sweep.status("failed", attempts=[sweep.attempt(submission)], **noted)
    slurm.queue(queued(0, "FAILED", "NonZeroExitCode", "n1"))
    assert says(sweep.cell) == ("failed", f"{cause} at epoch 4", cause)
    assert sweep.cell.log == ["one", "two"]


@pytest.mark.parametrize(
    ("printed", "reason", "cause"),
    [
        (cancelled("TIME LIMIT"), "the time limit was reached", "time-out"),
        (cancelled("PREEMPTION"), "preempted", "preempted"),
        (cancelled("NODE FAILURE"), "its node failed", "node failure"),
        (cancelled(), "cancelled", "cancelled"),
        ("hypo: killed", "killed", "killed"),
        ("nothing of note", "ended without a word at epoch 4", "killed"),
    ],
)
@pytest.mark.parametrize("noted", ["running", "interrupted"])
def test_slurms_log_says_how_a_job_ended_that_slurm_has_forgotten(
    noted: str, printed: str, reason: str, cause: str, slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    submission = sweep.submit()
    told = {"reason": "terminated", "cause": "interrupted"} if noted == "interrupted" else {}
    sweep.status(noted, attempts=[sweep.attempt(submission)], epoch=4, **told)
    log(submission, 0, cancelled("PREEMPTION"), BEGUN, printed)
    if printed == "nothing of note" and told:
        reason, cause = "terminated", "interrupted"
    assert says(sweep.cell) == ("interrupted", reason, cause)
    assert sweep.cell.log[-1] == printed


@pytest.mark.parametrize(
    ("ended", "state", "cause"),
    [
        ("OUT_OF_MEMORY", "failed", "out of memory"),
        ("NODE_FAIL", "interrupted", "node failure"),
        ("BOOT_FAIL", "interrupted", "node failure"),
        ("TIMEOUT", "interrupted", "time-out"),
        ("PREEMPTED", "interrupted", "preempted"),
        ("CANCELLED", "interrupted", "cancelled"),
    ],
)
@pytest.mark.parametrize("source", ["squeue", "sacct"])
def test_slurm_says_how_a_job_ended(
    source: str, ended: str, state: str, cause: str, slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    submission = sweep.submit()
    sweep.status("running", attempts=[sweep.attempt(submission)], epoch=4)
    sweep.beat()
    (sweep.directory() / "log.txt").write_text("epoch 4 of 10\n")
    log(submission, 0, BEGUN)
    if source == "squeue":
        slurm.queue(queued(0, ended, node="n5"))
    else:
        slurm.accounting(f"hypo-1-0|7_0|100|{ended + ' by 1000' * (ended == 'CANCELLED')}|n5")
    cell = sweep.cell
    assert (cell.state, cell.cause, cell.node, cell.log) == (state, cause, "n5", ["epoch 4 of 10"])


def test_what_happened_to_the_job_later_counts_for_more_than_what_the_run_noted(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    submission = sweep.submit()
    noted = {"reason": "the time limit was near", "cause": "time-out"}
    sweep.status("interrupted", attempts=[sweep.attempt(submission)], **noted)
    log(submission, 0, BEGUN, cancelled("JOB REQUEUE"))
    assert says(sweep.cell) == ("interrupted", "the time limit was near", "time-out")
    slurm.queue(queued(0, "CANCELLED"))
    assert says(sweep.cell) == ("interrupted", "cancelled", "cancelled")


@pytest.mark.parametrize("begun", [[], [BEGUN]])
def test_a_job_that_could_not_begin_says_its_last_line(
    begun: list[str], slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    submission = sweep.submit((0,), (1,))
    text = "ModuleNotFoundError: No module named 'hypo'"
    printed = ["Traceback (most recent call last):", text, "srun: error: n1: task 0: Exited with exit code 1", ""]
    log(submission, 0, *begun, *printed)
    slurm.queue(queued(0, "FAILED", "NonZeroExitCode", "n1"), queued(1, "FAILED", "NonZeroExitCode", "n1"))
    first, second = sweep.cells
    assert says(first) == ("failed", f"its job could not begin: {text}", "error")
    assert first.log == [*begun, *printed]
    assert says(second) == ("failed", "its job could not begin: it printed nothing", "error")


def test_a_run_that_its_worker_could_not_begin_keeps_its_reason(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    submission = sweep.submit()
    sweep.status("failed", reason="the worker exited with 1: ImportError: x", cause="error")
    log(submission, 0, BEGUN, "last line")
    assert says(sweep.cell) == ("failed", "the worker exited with 1: ImportError: x", "error")
