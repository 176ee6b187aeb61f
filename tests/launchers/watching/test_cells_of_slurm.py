"""What a run is doing of which Slurm knows nothing, or nothing any more, and what Slurm is asked."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from submitted_sweep import BEGUN, LATER, SlurmWithJobs, SubmittedSweep, cancelled, log, queued, says


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
