"""Jobs that cannot begin and disks that fill up: said in one line, and mended by the same command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm.sweeping import ON_SLURM, SMALL, Sweep, assert_continued, assert_undisturbed, causes, history, status

from launchers.status import main as status_of

pytestmark = [pytest.mark.slurm, pytest.mark.accounting, pytest.mark.timeout(300)]


def test_a_job_that_cannot_import_costs_its_own_runs(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    python = f"python: '{sys.executable} -S'"  # without what is installed
    rules = f"[{{when: {{seed: 1}}, {python}}}, {{when: {{seed: 2}}, {python}, stderr_to_stdout: false}}]"
    typed = sweep.type(
        "recipe.epochs=2",
        "tracking=disabled",
        "seed=0,1,2",
        *ON_SLURM,
        f"hydra.launcher.rules={rules}",
        "hydra.launcher.wait=true",
    )
    assert typed.code == 1
    assert sweep.job_states() == ["COMPLETED", "FAILED", "FAILED"]
    assert status(sweep.run(0))["state"] == "done"
    reason = "its job could not begin: ModuleNotFoundError: No module named 'submitit'"
    for seed in (1, 2):
        (line,) = (line for line in typed.out.splitlines() if f" of 3  {sweep.run(seed).name[:-13]}  " in line)
        assert line.endswith(f"failed: {reason}")
    assert status_of(["outputs", "--failed"]) == 1
    assert capsys.readouterr().out.count(f"  reason:      {reason}\n") == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Where outputs go: a file system of its own."""
    disk = tmp_path / "outputs"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_costs_an_epoch(sweep: Sweep, small_disk: Path, reference: Path) -> None:
    the_same = (*SMALL, *ON_SLURM, "seed=0")
    sweep.type(*the_same)
    sweep.wait_for_epoch(5)
    worker = status(sweep.run())["pid"]
    os.kill(worker, signal.SIGSTOP)
    while list(sweep.run().glob(".*.*")):  # in the middle of writing a file
        os.kill(worker, signal.SIGCONT)
        time.sleep(0.01)
        os.kill(worker, signal.SIGSTOP)
    before, checkpoint = history(sweep.run()), (sweep.run() / "checkpoint.pt").read_bytes()
    # Room for what tells of it, none for a checkpoint.
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "filler").write_bytes(bytes(free - len(checkpoint) // 2))
    os.kill(worker, signal.SIGCONT)
    sweep.wait_until_over()
    assert sweep.job_states() == ["FAILED"]
    assert (status(sweep.run())["state"], causes(sweep.run())) == ("failed", ["disk full"])
    assert "No space left on device" in status(sweep.run())["reason"]
    assert (sweep.run() / "checkpoint.pt").read_bytes() == checkpoint
    subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    assert "1 to run, 1 of those to run again" in sweep.type(*the_same).out
    sweep.wait_until_over()
    assert_continued(sweep.run(), before)
    assert_undisturbed(sweep.run(), reference)
