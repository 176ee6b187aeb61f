"""A Slurm that does nothing, in the place of one that may be on this machine, and sweeps for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fake_slurm import FakeSlurm
from front_runs import FRONT, Front, begun, missing
from slurm_launch import Launch
from small_checkout import FILES, git, write
from typed_command import typed

import hypo
from launchers.planning.report import Report


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


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Front:
    """Types a front whose runs have made-up results, and are not set in tables and curves."""
    monkeypatch.chdir(tmp_path)
    begun(monkeypatch, lambda job: None)
    monkeypatch.setattr(Report, "end", lambda report: report.failed.update(missing(report)))
    return lambda *arguments: typed(monkeypatch, capsys, "-m", "tracking=disabled", *FRONT, *arguments)


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something laid out like the project, from which hypo seems to be imported."""
    root = tmp_path / "project"
    for name, text in FILES.items():
        write(root, name, text)
    (root / "conf").mkdir()
    (root / "conf/sweeps").symlink_to("../sweeps")
    monkeypatch.setattr(hypo, "__file__", str(root / "hypo/__init__.py"))
    return root


@pytest.fixture
def checkout(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, committed."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for variable in git(unpacked, "rev-parse", "--local-env-vars").splitlines():
        monkeypatch.delenv(variable, raising=False)  # set when a git hook runs these tests
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git(unpacked, "init", "--quiet")
    git(unpacked, "add", "--all")
    git(unpacked, "commit", "--quiet", "--message=all")
    return unpacked


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "outputs/sweeps/one/code"
