"""`python -m launchers.status`: what is shown where, what is cancelled, which sweep is meant."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from submitted_sweep import COMMAND, Show, SlurmWithJobs, SubmittedSweep, log, queued

from launchers import status

GONE = "cancelled before it began, or forgotten by Slurm"


class Clock:
    """Time for the command alone, in which something happens whenever it waits."""

    monotonic, strftime = staticmethod(time.monotonic), staticmethod(time.strftime)

    def __init__(self, happens: Callable[[], None]) -> None:
        self.sleep = lambda seconds: happens()


def test_one_row_a_run_under_what_was_typed(slurm: SlurmWithJobs, tmp_path: Path, show: Show) -> None:
    names = [f"thrm-lambda{number}-s0" for number in range(6)]
    sweep = SubmittedSweep(tmp_path / "outputs", names)
    submission = sweep.submit()
    sweep.done(0)
    sweep.status("running", 1, [sweep.attempt(submission)], epoch=4)
    sweep.beat(1, at=time.time() - 5 * 3600)
    (sweep.directory(1) / "history.csv").write_text("epoch,seconds\n1,60\n2,60\n3,60\n4,60\n")
    sweep.status("running", 2, [sweep.attempt(submission)] * 2, epoch=10)
    (sweep.directory(2) / "history.csv").write_text("epoch,seconds\n" + "1,60\n" * 10)
    sweep.status("failed", 3, [sweep.attempt(submission)], reason="diverged: nan", cause="diverged", epoch=3)
    slurm.queue(queued(1, "RUNNING", node="n1"), queued(2, "RUNNING", node="n2"), queued(4, "PENDING", "Priority"))
    code, out, _ = show(str(sweep.folder))
    heading, columns, *rows, counts, hint = out.splitlines()
    assert heading == f"Sweep 0123456789ab: {COMMAND}"
    assert columns.split() == ["state", "run", "epoch", "ETA", "attempts", "node", "heartbeat", "reason"]
    assert [re.split(" {2,}", row) for row in rows] == [
        ["done", names[0], "10/10", "1", "away"],
        ["running", names[1], "4/10", "6 min", "1", "n1", "5 h 00 min ago"],
        ["running", names[2], "10/10", "evaluating", "2", "n2"],
        ["failed", names[3], "3/10", "1", "n1", "diverged: nan"],
        ["queued", names[4], "0/10", "Priority"],
        ["missing", names[5], "0/10", GONE],
    ]
    assert counts == "6 runs: 1 done, 2 running, 1 failed (1 diverged), 1 queued, 1 missing"
    assert hint.endswith(f"python -m launchers.status {sweep.folder} --failed")
    assert code == 1


def test_only_a_complete_sweep_exits_with_0(slurm: SlurmWithJobs, tmp_path: Path, show: Show) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", ["standard-s0", "thrm-s0"], prerequisites=1)
    sweep.done(1)
    assert show(str(sweep.folder))[0] == 1
    sweep.done(0)
    code, out, _ = show(str(sweep.folder))
    assert code == 0
    assert out.splitlines()[-1] == "2 runs: 2 done"
    for option in ("--failed", "--watch", "--cancel"):
        assert show(str(sweep.folder), option)[0] == 0


def test_nothing_is_cut_off_outside_a_terminal(
    slurm: SlurmWithJobs, tmp_path: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    name, reason = "thrm-" * 20 + "s0", "a long story " * 20 + "[bold]:fire: its end"
    sweep = SubmittedSweep(tmp_path / "outputs", [name])
    sweep.status("failed", reason=reason, cause="error", attempts=[sweep.attempt()])
    lines = show(str(sweep.folder))[1].splitlines()
    assert any(name in line and line.endswith(reason) for line in lines)
    assert f"  reason:      {reason}" in show(str(sweep.folder), "--failed")[1].splitlines()


def test_text_from_files_cannot_move_the_cursor(slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show) -> None:
    noted = {"reason": "\x1b[2Jgone\nand", "cause": "error", "log": ["12%\r99%\x1b[A", "tab\tbed"]}
    sweep.status("failed", attempts=[sweep.attempt(node="n\x1b1")], traceback="a\x07b", **noted)
    for arguments in ([], ["--failed"]):
        out = show(str(sweep.folder), *arguments)[1]
        assert set(filter(lambda letter: not letter.isprintable(), out)) == {"\n"}
    assert "99%�[A" in out
    assert "12%" not in out


def test_runs_of_the_same_name_are_told_apart_by_their_run_ids(
    slurm: SlurmWithJobs, tmp_path: Path, show: Show
) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", ["thrm-s0", "thrm-s0", "thrm-s1"])
    rows = show(str(sweep.folder))[1].splitlines()[2:5]
    assert [row.split()[1] for row in rows] == [f"thrm-s0-{'a' * 12}", f"thrm-s0-{'b' * 12}", "thrm-s1"]


def test_what_failed_comes_with_reason_attempts_log_and_command(
    slurm: SlurmWithJobs, tmp_path: Path, show: Show
) -> None:
    sweep = SubmittedSweep(tmp_path / "outputs", [f"thrm-lambda{number}" for number in range(4)])
    submission = sweep.submit((0,), (1,), (2,))
    ended = {"ended_at": "2026-01-01T00:45:00+00:00", "outcome": "interrupted", "reason": "preempted"}
    attempts = [sweep.attempt(submission, **ended), sweep.attempt(submission)]
    sweep.status("failed", 0, attempts, reason="diverged: nan", cause="diverged", log=["epoch 1", "epoch 2"])
    log(submission, 1, "python: not found")
    slurm.queue(queued(2, "RUNNING"))
    code, out, _ = show(str(sweep.folder), "--failed")
    assert code == 1
    assert (
        out
        == f"""\
{sweep.runs[0]}  failed (diverged)
  reason:      diverged: nan
  attempt 1:   n1, job 7_0, 2026-01-01T00:30:00 to 2026-01-01T00:45:00 UTC, interrupted: preempted
  attempt 2:   n1, job 7_0, 2026-01-01T00:30:00 to ? UTC, its end was not noted
  log:         epoch 1
               epoch 2
  run again:   python -m hypo.run thrm lambda0

{sweep.runs[1]}  failed (error)
  reason:      its job could not begin: python: not found
  log:         python: not found
  run again:   python -m hypo.run thrm lambda1

{sweep.runs[3]}  missing
  reason:      not begun, not submitted
  run again:   python -m hypo.run thrm lambda3

3 of 4 runs have no result, and nothing works on them. All again:
  {COMMAND}
4 runs: 2 failed (1 diverged, 1 error), 1 queued, 1 missing
"""
    )


def test_the_traceback_of_an_unforeseen_error_is_shown(
    slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show
) -> None:
    noted = {"reason": "KeyError: 'x'", "traceback": "Traceback\n  File\nKeyError: 'x'\n"}
    sweep.status("failed", attempts=[sweep.attempt()], cause="error", **noted)
    assert (
        "  traceback:   Traceback\n                 File\n               KeyError: 'x'\n"
        in show("outputs", "--failed")[1]
    )
    sweep.status("failed", attempts=[sweep.attempt()], cause="diverged", **noted)
    assert "traceback" not in show("outputs", "--failed")[1]


def test_without_slurm_a_note_says_so(sweep: SubmittedSweep, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    sweep.submit()
    for arguments in ([], ["--failed"], ["--cancel"]):
        code, out, _ = show("outputs", *arguments)
        assert code == 1
        assert out.count("Slurm was not asked, there is no squeue on this machine") == 1


def test_a_pipe_is_told_of_changes_until_nothing_is_at_work(
    slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = sweep.submit()
    slurm.queue(queued(0, "PENDING", "Priority"), queued(1, "PENDING", "Priority"))

    def first_begins() -> None:
        sweep.status("running", 0, [sweep.attempt(submission)])
        slurm.queue(queued(0, "RUNNING"), queued(1, "PENDING", "Resources"))

    def first_fails() -> None:
        sweep.status("failed", 0, [sweep.attempt(submission)], reason="diverged: nan", cause="diverged")
        slurm.queue(queued(0, "FAILED"))

    def second_begins() -> None:
        sweep.status("running", 1, [sweep.attempt(submission)])
        slurm.queue(queued(1, "RUNNING"))

    def second_is_done() -> None:
        sweep.done(1)
        slurm.queue()

    happens = [first_begins, first_fails, second_begins, second_is_done, lambda: None]
    monkeypatch.setattr(status, "time", Clock(lambda: happens.pop(0)()))
    code, out, _ = show("outputs", "--watch")
    assert code == 1
    assert happens == []
    shown = re.sub(r"(?m)^\d\d:\d\d:\d\d", "TIME", out).splitlines()
    assert [line.split()[0] for line in shown[2:4]] == ["queued", "queued"]
    assert shown[4:] == [
        "2 runs: 2 queued",
        "TIME  thrm-lambda1-s0  queued -> running",
        "TIME  thrm-lambda1-s0  running -> failed: diverged: nan",
        f"TIME  thrm-lambda2-s0  queued -> missing: {GONE}",
        "TIME  thrm-lambda2-s0  missing -> running",
        "TIME  thrm-lambda2-s0  running -> done",
        "2 runs: 1 done, 1 failed (1 diverged)",
    ]


def test_watching_a_complete_sweep_ends_at_once(
    slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep.done(0)
    sweep.done(1)
    monkeypatch.setattr(status, "time", Clock(lambda: pytest.fail("waited")))
    assert show("outputs", "--watch")[0] == 0
