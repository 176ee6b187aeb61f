"""While a process of one machine goes through a sweep, the runs that it has not begun wait for their turn."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typed_command import typed

from hypo.runs.lock import Lock
from hypo.runs.sweep import AT_WORK
from launchers.watching.moment import planned_sweep

SHORT = ("recipe.epochs=1", "recipe.train_limit=60", "evaluation.test_limit=50", "tracking=disabled")


def test_what_has_not_begun_waits_as_long_as_the_process_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed(monkeypatch, capsys, "-m", "lambda=0,1", *SHORT).code == 0
    (folder,) = (tmp_path / "outputs" / "sweeps").iterdir()
    sweep = planned_sweep(folder)
    done, undone = sweep.records
    (sweep.runs / undone).rename(tmp_path / "elsewhere")
    with Lock(folder / AT_WORK):
        now = sweep.now().cells
    assert (now[done].state, now[undone].state) == ("done", "queued")
    assert now[undone].reason.startswith(f"its turn in process {os.getpid()} on ")
    assert sweep.now().cells[undone].state == "missing"


def test_two_processes_may_go_through_the_same_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed(monkeypatch, capsys, "-m", "lambda=0", *SHORT).code == 0
    (folder,) = (tmp_path / "outputs" / "sweeps").iterdir()
    with Lock(folder / AT_WORK):
        assert typed(monkeypatch, capsys, "-m", "lambda=0", *SHORT).code == 0
