"""A Slurm that does nothing, in the place of one that may be on this machine, and sweeps for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_slurm import FakeSlurm
from slurm_launch import Launch
from typed_command import typed


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    """Found first by this process and all that it starts."""
    made = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture
def launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Launch:
    """Types sweeps for Slurm."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Launch(folder, lambda *arguments: typed(monkeypatch, capsys, *arguments))
