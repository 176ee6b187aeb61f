"""Run directories that are broken, full or cannot be made: one line each, and nothing is lost."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from compared import Stopping, assert_same_results
from small_jobs import Silent, job

from hypo.jobs.attempt import attempt
from hypo.runs.directory import RunDirectory


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name not in (".lock", "status.json")}


@pytest.mark.parametrize(
    ("broken", "content", "message"),
    [
        ("result.json", b'{"schema": 2, "D": 0.', "the result cannot be read"),
        ("result.json", b"", "the result cannot be read"),
        ("result.json", b"[]", "has schema version None, this version of hypo reads 2"),
        ("result.json", b'{"schema": 3}', "has schema version 3, this version of hypo reads 2"),
        ("result.json", b"\xff\xfe", "the result cannot be read"),
        ("checkpoint.pt", None, "the checkpoint cannot be read"),
        ("checkpoint.pt", b"", "the checkpoint cannot be read"),
        ("config.yaml", b"schema: 3\n", "has schema version 3, this version of hypo reads 2"),
        ("config.yaml", b"a: [1", "cannot be read"),
        ("config.yaml", b"", "has schema version None"),
    ],
)
def test_a_broken_run_directory_gets_one_line_and_loses_nothing(
    tmp_path: Path, broken: str, content: bytes | None, message: str
) -> None:
    stopped = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        attempt(stopped, Stopping(after=2))
    path = stopped.directory.path
    whole = (path / "checkpoint.pt").read_bytes()
    (path / broken).write_bytes(whole[: len(whole) // 2] if content is None else content)
    before = contents(path)
    outcome = attempt(job(tmp_path), Silent())
    assert (outcome.state, outcome.cause) == ("failed", "bad data")
    assert outcome.reason is not None
    assert outcome.reason.startswith(str(path / broken))
    assert message in outcome.reason
    assert "\n" not in outcome.reason
    assert contents(path) == before


def test_after_a_broken_checkpoint_was_moved_away_the_one_before_serves(
    tmp_path: Path, uninterrupted: RunDirectory
) -> None:
    stopped = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        attempt(stopped, Stopping(after=2))
    checkpoint = stopped.directory.path / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    reason = attempt(job(tmp_path), Silent()).reason
    assert reason is not None
    assert "move it away and repeat the command to train from the epoch before" in reason
    checkpoint.unlink()
    assert attempt(job(tmp_path), Silent()).state == "done"
    assert_same_results(stopped.directory, uninterrupted)


def test_a_full_disk_fails_the_run_and_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: RunDirectory
) -> None:
    """From the second checkpoint on there is no room for anything, not even for the status."""
    full: list[bool] = []
    open_ = Path.open

    def opened(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if full and "w" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return open_(path, mode, *arguments, **named)

    class Filling(Silent):
        def epoch(self, row: dict[str, float], epochs: int) -> None:
            full.append(True)

    filling = job(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", opened)
        outcome = attempt(filling, Filling())
    assert (outcome.state, outcome.cause) == ("failed", "disk full")
    assert outcome.reason is not None
    assert "No space left on device" in outcome.reason
    checkpoint = filling.directory.load_checkpoint(torch.device("cpu"))
    assert checkpoint is not None
    assert len(checkpoint["history"]) == 1
    assert attempt(job(tmp_path), Silent()).state == "done"
    assert_same_results(filling.directory, uninterrupted)


def test_a_run_directory_that_cannot_be_made_fails_this_run_alone(tmp_path: Path) -> None:
    homeless = job(tmp_path)
    shutil.rmtree(homeless.directory.path)
    homeless.directory.path.write_text("a file where the folder was to be")
    outcome = attempt(homeless, Silent())
    assert (outcome.state, outcome.cause) == ("failed", "bad data")
    assert outcome.reason is not None
    assert outcome.reason.startswith(f"output_dir: cannot write {homeless.directory.path}: ")
