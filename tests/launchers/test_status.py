"""`python -m launchers.status`: what is shown where, what is cancelled, which sweep is meant."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from submitted_sweep import COMMAND, SlurmWithJobs, SubmittedSweep, log, queued

from hypo.runs import sweep as sweep_directory
from launchers import status
from launchers.slurm import cancel

Show = Callable[..., tuple[int, str, str]]

GONE = "cancelled before it began, or forgotten by Slurm"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmWithJobs:
    made = SlurmWithJobs(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SubmittedSweep:
    monkeypatch.chdir(tmp_path)
    return SubmittedSweep(Path("outputs"))


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Run the command; returns exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = status.main(arguments)
        return code, *capsys.readouterr()

    return run


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


def test_cancelling_takes_the_jobs_of_this_sweep_out_of_the_queue(
    slurm: SlurmWithJobs, tmp_path: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel, "_BATCH", 2)
    sweep = SubmittedSweep(tmp_path / "outputs", [f"thrm-lambda{number}" for number in range(8)])
    other = SubmittedSweep(sweep.outputs, [*sweep.names[:7], "trades"], sweep_id="ba9876543210")
    submission = sweep.submit((0,), (1, 2), (3,), (4,), (5,))
    other.submit((6,), (7,), number=2, job="9")
    sweep.status("running", 0, [sweep.attempt(submission)])
    sweep.status("running", 1, [sweep.attempt(submission)])
    sweep.done(3)
    sweep.status("running", 7, [sweep.attempt()])
    sweep.beat(7)
    slurm.queue(
        queued(0, "PENDING", "BeginTime"),
        queued(1, "RUNNING"),
        queued(2, "COMPLETING"),
        queued(3, "PENDING", "Priority"),
        queued(4, "PENDING", "DependencyNeverSatisfied"),
        queued(0, "PENDING", "Priority", number=2, job="9"),
        queued(1, "RUNNING", number=2, job="9"),
    )
    code, out, _ = show(str(sweep.folder), "--cancel")
    assert code == 1
    asked = slurm.asked("scancel")
    assert asked == [["--quiet", "9_0", "7_4"], ["--quiet", "7_3", "7_0"], ["--quiet", "7_1"]]
    assert out == (
        "Cancelled 5 jobs: 4 that waited, 1 that ran.\n"
        f"{sweep.runs[7]} runs outside Slurm; to stop it, on away: kill -INT 4321\n"
        "Ctrl-C where such a sweep was started stops all of it.\n"
    )


def test_where_nothing_is_queued_or_running_nothing_is_cancelled(
    slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show
) -> None:
    sweep.submit()
    sweep.done()
    slurm.queue(queued(0, "COMPLETED"), queued(1, "FAILED"))
    assert show("outputs", "--cancel")[:2] == (
        1,
        "Nothing was cancelled: no job is known to have a run of this sweep.\n",
    )
    assert slurm.asked("scancel") == []


def test_a_refusal_of_scancel_is_one_line(slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show) -> None:
    sweep.submit()
    slurm.queue(queued(0, "PENDING"))
    slurm.fail("scancel", "Access denied")
    assert show("outputs", "--cancel") == (1, "", "python -m launchers.status: scancel: Access denied\n")


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


@pytest.mark.parametrize(
    "given_",
    ["outputs/sweeps/0123456789ab", "0123456789ab", "01", "outputs", "outputs/sweeps", "outputs/sweeps/01"],
)
def test_a_sweep_is_found_by_any_of_its_names(
    given_: str, slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show
) -> None:
    code, out, err = show(given_)
    assert (code, err) == (1, "")
    assert out.startswith("Sweep 0123456789ab: ")


def test_a_sweep_is_found_from_inside_its_folder(
    slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sweep.folder)
    assert show(".")[1].startswith("Sweep 0123456789ab: ")


@pytest.mark.parametrize("given_", ["outputs", "0"])
def test_where_there_are_several_sweeps_each_is_listed_the_newest_first(
    given_: str, slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show
) -> None:
    for sweep_id, age in (("01aaaaaaaaaa", 50), ("02bbbbbbbbbb", 100)):
        other = SubmittedSweep(Path("outputs"), sweep_id=sweep_id)
        os.utime(other.folder / "sweep.json", (time.time() - age,) * 2)
    (other.folder / "sweep.json").write_text("{")
    os.utime(other.folder / "sweep.json", (0, 0))
    code, out, err = show(given_)
    assert (code, out) == (2, "")
    first, *listed = err.splitlines()
    assert first.startswith(f"python -m launchers.status: SWEEP: {given_} may be any of 3 sweeps")
    assert listed[:2] == [
        f"  outputs/sweeps/{sweep_id}  {COMMAND}" for sweep_id in ("0123456789ab", "01aaaaaaaaaa")
    ]
    assert listed[2].startswith("  outputs/sweeps/02bbbbbbbbbb  ")
    assert show("012")[0] == 1


@pytest.mark.parametrize(
    "given_", ["elsewhere", "outputs/elsewhere", "outputs/runs", "ff", "/", "outputs/sweeps/01*", "x" * 300]
)
def test_what_is_no_sweep_gets_one_line(
    given_: str, slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show
) -> None:
    code, out, err = show(given_)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("python -m launchers.status: SWEEP: ")
    assert given_ in err


def test_a_broken_sweep_gets_one_line(slurm: SlurmWithJobs, sweep: SubmittedSweep, show: Show) -> None:
    def refused(part: str) -> None:
        code, out, err = show("outputs")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert part in err

    whole = (sweep.folder / "runs.jsonl").read_text()
    (sweep.outputs / "runs").rmdir()
    refused("copy the outputs whole")
    for part in (whole.splitlines()[0], "", '{"directory": "a"}\n', whole.replace("config", "konfig")):
        (sweep.folder / "runs.jsonl").write_text(part)
        refused("runs.jsonl is missing or unreadable")
    (sweep.folder / "sweep.json").write_text("{")
    refused("sweep.json is unreadable")


def test_neither_torch_nor_pandas_is_loaded(sweep: SubmittedSweep) -> None:
    script = """
import sys
from launchers.status import main
codes = [main(["outputs", *options]) for options in ([], ["--failed"], ["--cancel"])]
heavy = {"torch", "pandas", "hydra", "submitit", "matplotlib"} & {*sys.modules}
sys.exit(" ".join(heavy) or codes != [1, 1, 1])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves_early_is_no_error(slurm: SlurmWithJobs, tmp_path: Path) -> None:
    names = [f"thrm-lambda{number}" for number in range(3000)]
    outputs = tmp_path / "outputs"
    records = [{"directory": name, "config": {}, "command": "x" * 100} for name in names]
    outputs.mkdir()
    sweep_directory.write(outputs / "sweeps" / "0123456789ab", COMMAND, records)
    process = subprocess.Popen(
        [sys.executable, "-m", "launchers.status", str(outputs), "--failed"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() != 0
    process.stderr.close()
