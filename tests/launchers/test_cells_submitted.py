"""What a run is doing that was submitted again, waits for others, or is not known to Slurm any more."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from submitted_sweep import LATER, SlurmWithJobs, SubmittedSweep, cancelled, log, queued

from hypo.runs.lock import Lock
from launchers.watching.cells import Cell

BEGUN = "hypo: restart 0 of job 7_0 on n1"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmWithJobs:
    made = SlurmWithJobs(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture
def sweep(tmp_path: Path) -> SubmittedSweep:
    return SubmittedSweep(tmp_path / "outputs")


def says(cell: Cell) -> tuple[str, str, str]:
    return cell.state, cell.reason, cell.cause


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


def test_what_was_never_submitted_is_missing(slurm: SlurmWithJobs, sweep: SubmittedSweep) -> None:
    sweep.status("queued", 1)
    assert [says(cell) for cell in sweep.cells] == [("missing", "not begun, not submitted", "")] * 2
    assert slurm.asked("squeue") == []


def test_a_job_that_left_no_trace_is_missing(slurm: SlurmWithJobs, sweep: SubmittedSweep) -> None:
    sweep.submit((0,))
    sweep.submit((1,), number=2, job=None)
    first, second = sweep.cells
    assert says(first) == ("missing", "cancelled before it began, or forgotten by Slurm", "")
    assert says(second) == ("missing", "sbatch did not take it", "")


def test_jobs_are_asked_for_by_name_since_ids_come_again_on_a_rebuilt_cluster(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.submit()
    slurm.queue("something-else|100|7|0|RUNNING|None|n1")
    assert sweep.cell.state == "missing"
    (asked,) = slurm.asked("squeue")
    assert "--name=hypo-1-0" in asked


def test_while_slurm_does_not_answer_nothing_is_given_up(slurm: SlurmWithJobs, tmp_path: Path) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", [f"thrm-lambda{number}" for number in range(5)])
    submission = sweep.submit()
    sweep.status("interrupted", 1, [sweep.attempt(submission)], reason="preempted", cause="preempted")
    sweep.status("failed", 2, [sweep.attempt(submission)], reason="diverged", cause="diverged")
    sweep.status("running", 3, [sweep.attempt(submission)])
    sweep.beat(3)
    sweep.done(4)
    slurm.fail("squeue", "Unable to contact slurm controller")
    moment = sweep.planned.now()
    cells = list(moment.cells.values())
    assert [cell.state for cell in cells] == ["queued", "queued", "failed", "running", "done"]
    assert cells[1].reason == "not known: squeue: Unable to contact slurm controller"
    assert len(moment.notes) == 1
    assert "Unable to contact slurm controller" in moment.notes[0]
    assert moment.is_at_work


def test_without_slurm_files_alone_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    there = SubmittedSweep(tmp_path / "there" / "outputs", [f"thrm-lambda{number}" for number in range(5)])
    submission = there.submit()
    log(submission, 0, BEGUN, cancelled("TIME LIMIT"))
    there.status("running", 0, [there.attempt(submission)])
    there.beat(at=0)
    there.status("interrupted", 1, [there.attempt(submission)], reason="preempted", cause="preempted")
    there.status("failed", 2, [there.attempt(submission)], reason="diverged", cause="diverged")
    there.done(3)
    here = tmp_path / "here" / "outputs"
    shutil.copytree(there.outputs, here)
    shutil.rmtree(there.outputs)
    (here / "runs" / there.runs[0] / ".lock").unlink()  # the copy is younger than its original
    copy = SubmittedSweep(here, there.names)
    moment = copy.planned.now()
    assert [says(cell) for cell in moment.cells.values()] == [
        ("interrupted", "the time limit was reached", "time-out"),
        ("interrupted", "preempted", "preempted"),
        ("failed", "diverged", "diverged"),
        ("done", "", ""),
        ("queued", "submitted", ""),
    ]
    assert [note.partition(",")[0] for note in moment.notes] == ["Slurm was not asked"]


def test_without_slurm_a_sweep_that_never_met_it_is_not_doubted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweep: SubmittedSweep
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sweep.done()
    moment = sweep.planned.now()
    assert [cell.state for cell in moment.cells.values()] == ["done", "missing"]
    assert moment.notes == []


def test_the_latest_submission_counts_unless_an_earlier_one_is_at_work(
    slurm: SlurmWithJobs, sweep: SubmittedSweep
) -> None:
    sweep.submit()
    sweep.submit(number=2, job="9")
    dropped = queued(1, "PENDING", "DependencyNeverSatisfied")
    later = [queued(index, "PENDING", "Priority", number=2, job="9") for index in (0, 1)]
    slurm.queue(queued(0, "RUNNING"), dropped, *later)
    first, second = sweep.cells
    assert first.job is not None
    assert second.job is not None
    assert (first.job.job, second.job.job) == ("7_0", "9_1")


def test_a_run_is_found_in_the_submission_of_another_sweep(slurm: SlurmWithJobs, sweep: SubmittedSweep) -> None:
    other = SubmittedSweep(sweep.outputs, sweep.names, sweep_id="ba9876543210")
    other.submit((1, 0))
    slurm.queue(queued(0, "PENDING", "Priority"))
    assert [cell.state for cell in sweep.cells] == ["queued", "queued"]


def test_slurm_is_asked_once_however_many_runs_there_are(slurm: SlurmWithJobs, sweep: SubmittedSweep) -> None:
    for number in (1, 2, 3):
        sweep.submit(number=number)
    assert len(sweep.cells) == 2
    (asked,) = slurm.asked("squeue")
    assert "--name=hypo-1-0,hypo-2-0,hypo-3-0" in asked


def test_accounting_is_asked_from_the_first_submission_on_in_local_time(
    slurm: SlurmWithJobs, sweep: SubmittedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep.submit()
    sweep.submit(number=2)
    slurm.accounting()
    monkeypatch.setenv("TZ", "XYZ+8")  # eight hours behind
    time.tzset()
    try:
        assert sweep.cell.state == "missing"
    finally:
        monkeypatch.undo()
        time.tzset()
    (asked,) = slurm.asked("sacct")
    assert asked[asked.index("-S") + 1] == "2025-12-31T16:00:00"


def test_what_was_done_is_not_looked_at_again(slurm: SlurmWithJobs, sweep: SubmittedSweep) -> None:
    sweep.done()
    before = sweep.planned.now()
    (sweep.directory() / "result.json").unlink()
    sweep.done(1)
    assert sweep.planned.now(before).is_complete


def test_unreadable_files_are_as_good_as_none(slurm: SlurmWithJobs, sweep: SubmittedSweep) -> None:
    (sweep.directory() / "status.json").write_text("{")
    broken = sweep.submit().folder.parent / "20260105-000000-cut" / "submission.json"
    broken.parent.mkdir()
    broken.write_text(json.dumps({"logs": LATER}))
    slurm.queue(queued(0, "PENDING", "Priority"))
    assert sweep.cell.state == "queued"
