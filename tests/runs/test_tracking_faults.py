"""No fault of W&B reaches a run: each costs one warning."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tracked_processes import SUMMARY, recorded, run_script, start, warnings

from hypo.runs import tracking
from hypo.runs.wandb_process import Recorder


@pytest.mark.parametrize(
    ("child", "warning"),
    [
        (None, "did not start"),
        ("exit 1", "its process died"),
        ("exec sleep 60", "still busy"),
        ("kill -9 $$", "its process died"),
    ],
)
def test_a_broken_child_costs_one_warning(
    tmp_path: Path,
    here: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    child: str | None,
    warning: str,
) -> None:
    python = tmp_path / "python"
    if child is not None:
        python.write_text(f"#!/bin/sh\n{child}\n")
        python.chmod(0o755)
    here.setattr(sys, "executable", str(python))
    here.setattr(tracking, "PATIENCE", 0.5)
    mirror = start(tmp_path / "run", "offline")
    for epoch in range(5000):  # more than a pipe holds
        mirror.log({"epoch": epoch, "loss": 0.5})
    mirror.finish(SUMMARY)
    tracking.close()
    assert len(warnings(caplog)) == 1
    assert warning in warnings(caplog)[0]


def test_pictures_that_cannot_be_read_cost_one_warning(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "examples.parquet").write_text("no parquet")
    code, _, errors = run_script(f"train('run', 'a').finish({SUMMARY})", "offline", tmp_path)
    assert code == 0
    assert errors.count("\n") == 1
    assert "recording the results of" in errors
    assert recorded(tmp_path / "run")["exit"].get("exit_code", 0) == 0


def test_a_disk_that_fills_up_costs_one_warning(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(tmp_path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs to be root to mount a small disk")
    try:
        done = run_script(f"train('run', 'a', epochs=3000).finish({SUMMARY})", "offline", tmp_path)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
    assert done[:2] == (0, "")
    assert done[2].startswith("WARNING W&B: the disk is full")
    assert done[2].count("\n") == 1


def test_a_full_disk_is_reported_and_nothing_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = SimpleNamespace(log=full, finish=full, summary={}, define_metric=lambda *_, **__: None)
    fake = SimpleNamespace(init=lambda **_: run, Settings=lambda **_: None)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    faults: list[str] = []
    recorder = Recorder(faults.append)
    begin = {"id": "a", "name": "a", "group": None, "tags": [], "config": {}, "project": "p", "entity": None}
    directory = str(tmp_path)
    recorder.handle({"run": directory, "start": {"online": False, **begin}})
    assert faults == []
    recorder.handle({"run": directory, "log": {"epoch": 1}})
    recorder.handle({"run": directory, "finish": {"summary": {}, "exit_code": 0}})
    fake.init = full
    recorder.handle({"run": directory, "start": {"online": False, **begin}})
    recorder.handle({"run": directory, "log": {"epoch": 1}})
    assert len(faults) == 3
    assert all("No space left" in fault for fault in faults)


def test_a_directory_that_cannot_be_written_costs_one_warning(
    tmp_path: Path, here: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "wandb").write_text("a file where the folder would be")
    mirror = start(tmp_path / "run", "offline")
    mirror.log({"epoch": 1})
    mirror.finish({})
    tracking.close()
    assert len(warnings(caplog)) == 1
    assert "File exists" in warnings(caplog)[0]
