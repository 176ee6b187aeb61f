"""`python -m launchers.status`: what is cancelled, which sweep is meant, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from submitted_sweep import COMMAND, Show, SlurmWithJobs, SubmittedSweep, queued

from hypo.runs import sweep as sweep_directory
from launchers.slurm import cancel


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
        cwd=Path(__file__).parents[3],
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
