"""What a run is doing that was submitted again, waits for others, or is not known to Slurm any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from submitted_sweep import BEGUN, SlurmWithJobs, SubmittedSweep, log, queued, says

from hypo.runs.lock import Lock


@pytest.mark.parametrize(("noted", "cause"), [("failed", "diverged"), ("interrupted", "preempted")])
def test_submitted_again_a_job_that_could_not_begin_is_the_news(
    noted: str, cause: str, slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.status(noted, attempts=[sweep.attempt(sweep.submit())], reason="old", cause=cause)
    (sweep.directory() / "log.txt").write_text("epoch 4 of 10\n")
    again = sweep.submit(number=2)
    log(again, 0, "python: not found")
    assert says(sweep.cell) == ("failed", "its job could not begin: python: not found", "error")
    assert sweep.cell.log == ["python: not found"]


@pytest.mark.parametrize("noted", ["running", "failed"])
def test_submitted_again_a_run_begins_anew(noted: str, slurm: SlurmWithJobs, sweep: SubmittedSweep) -> None:
    sweep.status(noted, attempts=[sweep.attempt(sweep.submit())], reason="old", cause="diverged")
    sweep.submit(number=2)
    slurm.queue(queued(0, "RUNNING", number=2))
    assert sweep.cell.state == "queued"
    assert sweep.cell.reason.startswith("starting; again, after: ")


@pytest.mark.parametrize(
    ("noted", "shown"),
    [("failed", ("failed", "old", "diverged")), ("interrupted", ("interrupted", "cancelled", "cancelled"))],
)
def test_submitted_again_and_cancelled_a_failure_stays_one(
    noted: str, shown: tuple[str, str, str], slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.status(noted, attempts=[sweep.attempt(sweep.submit())], reason="old", cause="diverged")
    sweep.submit(number=2)
    slurm.queue(queued(0, "CANCELLED", number=2))
    assert says(sweep.cell) == shown


def test_a_job_that_found_the_run_taken_leaves_the_last_word_to_the_run(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.status("interrupted", attempts=[sweep.attempt()], reason="old", cause="interrupted", updated_at="2025")
    log(sweep.submit(), 0, BEGUN, "is being run by another process")
    assert says(sweep.cell) == ("interrupted", "old", "interrupted")


def test_an_attempt_outside_slurm_after_the_submission_has_the_last_word(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.submit()
    slurm.queue(queued(0, "CANCELLED"))
    noted = {"reason": "interrupted by the user", "cause": "interrupted"}
    sweep.status("interrupted", attempts=[sweep.attempt()], **noted)
    assert says(sweep.cell) == ("interrupted", "interrupted by the user", "interrupted")


def test_a_process_outside_slurm_may_have_the_run_before_its_job_begins(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.submit()
    slurm.queue(queued(0, "PENDING", "Priority"))
    sweep.status("running", attempts=[sweep.attempt()])
    with Lock(sweep.directory() / ".lock"):
        assert says(sweep.cell) == ("running", "", "")
    assert sweep.cell.state == "queued"


def test_a_cancelled_job_that_had_not_begun_leaves_the_run_missing(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.submit()
    slurm.queue(queued(0, "CANCELLED"))
    assert says(sweep.cell) == ("missing", "cancelled", "cancelled")


@pytest.mark.parametrize("state", ["PENDING", "CANCELLED"])
@pytest.mark.parametrize(
    ("noted", "which"),
    [
        ({"state": "failed", "reason": "diverged: nan", "cause": "diverged"}, "failed: diverged: nan"),
        (None, "missing: not begun, not submitted"),
    ],
)
def test_what_waits_for_a_prerequisite_in_vain_has_failed_with_its_reason(
    noted: dict[str, str] | None, which: str, state: str, slurm: SlurmWithJobs, tmp_path: Path
) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", ["standard-s0", "thrm-s0"], prerequisites=1)
    if noted:
        sweep.status(attempts=[sweep.attempt()], **noted)  # type: ignore[arg-type]
    sweep.submit((1,), needs=[0])
    slurm.queue(queued(0, state, "DependencyNeverSatisfied"))
    reason = f"needs the model of standard-s0-{'a' * 12}, which is {which}"
    assert says(sweep.cells[1]) == ("failed", reason, "prerequisite failed")


def test_until_slurm_drops_it_a_job_waits_for_its_prerequisite(slurm: SlurmWithJobs, tmp_path: Path) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", ["standard-s0", "thrm-s0"], prerequisites=1)
    sweep.submit((1,), needs=[0])
    sweep.status("failed", attempts=[sweep.attempt()], reason="diverged: nan", cause="diverged")
    slurm.queue(queued(0, "PENDING", "Dependency"))
    assert says(sweep.cells[1]) == ("queued", "Dependency", "")


def test_a_failed_prerequisite_is_remembered_when_slurm_has_forgotten_the_job(
    slurm: SlurmWithJobs, tmp_path: Path
) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", ["standard-s0", "thrm-s0"], prerequisites=1)
    sweep.submit((1,), needs=[0])
    sweep.status("failed", attempts=[sweep.attempt()], reason="diverged: nan", cause="diverged")
    assert sweep.cells[1].cause == "prerequisite failed"


def test_cancelled_together_with_its_prerequisite_a_run_has_not_failed(
    slurm: SlurmWithJobs, tmp_path: Path
) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", ["standard-s0", "thrm-s0"], prerequisites=1)
    sweep.submit((0,), (1,), needs=[0])
    slurm.queue(queued(0, "CANCELLED"), queued(1, "CANCELLED", "Dependency"))
    assert [says(cell) for cell in sweep.cells] == [("missing", "cancelled", "cancelled")] * 2


def test_a_prerequisite_that_is_done_by_now_is_no_reason(slurm: SlurmWithJobs, tmp_path: Path) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", ["standard-s0", "thrm-s0"], prerequisites=1)
    sweep.submit((1,), needs=[0])
    sweep.done()
    slurm.queue(queued(0, "CANCELLED", "DependencyNeverSatisfied"))
    assert says(sweep.cells[1]) == ("missing", "cancelled", "cancelled")
