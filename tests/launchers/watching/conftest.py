"""A Slurm in which a sweep was submitted, or seems to have been."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from submitted_sweep import Show, SlurmWithJobs, SubmittedSweep

from launchers import status


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmWithJobs:
    made = SlurmWithJobs(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SubmittedSweep:
    """In the folder outputs of an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return SubmittedSweep(tmp_path / "outputs")


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Run the command; returns exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = status.main(arguments)
        return code, *capsys.readouterr()

    return run
