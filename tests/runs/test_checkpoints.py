"""Checkpoints: the newest and its predecessor, cut short, foreign, or on a full disk."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hypo.runs.directory import RunDirectory
from hypo.settings.errors import InputError

CPU = torch.device("cpu")


class Trap:
    """What a pickle executes when it is loaded carelessly."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


def test_a_checkpoint_with_code_in_it_is_not_executed(directory: RunDirectory) -> None:
    trace = directory.path / "executed"
    torch.save({"schema": 2, "model": Trap(trace)}, directory.path / "checkpoint.pt")
    with pytest.raises(InputError, match="the checkpoint cannot be read"):
        directory.load_checkpoint(CPU)
    assert not trace.exists()


def checkpoint(epochs: int, size: int = 10) -> dict[str, object]:
    return {"model": {"weight": torch.full((size,), float(epochs))}, "history": [{"epoch": epochs, "loss": 0.5}]}


def epoch_of(directory: RunDirectory) -> int:
    loaded = directory.load_checkpoint(CPU)
    assert loaded is not None
    assert loaded["model"]["weight"].unique().item() == loaded["history"][-1]["epoch"]
    return loaded["history"][-1]["epoch"]


def test_the_newest_checkpoint_is_loaded_and_its_predecessor_kept(directory: RunDirectory) -> None:
    assert directory.load_checkpoint(CPU) is None
    for epoch in (1, 2, 3):
        directory.save_checkpoint(checkpoint(epoch))
        assert epoch_of(directory) == epoch
    # Killed between the two renames of a write: only the predecessor is there.
    (directory.path / "checkpoint.pt").unlink()
    assert epoch_of(directory) == 2


def test_a_checkpoint_of_another_schema_is_refused(directory: RunDirectory) -> None:
    torch.save({"schema": 3, "model": {}}, directory.path / "checkpoint.pt")
    with pytest.raises(InputError, match=r"checkpoint\.pt: has schema version 3, this version of hypo reads 2"):
        directory.load_checkpoint(CPU)


def test_a_checkpoint_without_a_predecessor_says_that_training_begins_anew(directory: RunDirectory) -> None:
    (directory.path / "checkpoint.pt").write_bytes(b"half a checkpoint")
    with pytest.raises(InputError, match="move it away and repeat the command to train from the start"):
        directory.load_checkpoint(CPU)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 512 KB, where the tests may mount one."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(path)]
    try:
        mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small disk takes root")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_leaves_both_checkpoints_readable(small_disk: Path) -> None:
    directory = RunDirectory(small_disk)
    directory.save_checkpoint(checkpoint(1, size=30_000))
    directory.save_checkpoint(checkpoint(2, size=30_000))
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 220_000)
    before = {path.name: path.read_bytes() for path in small_disk.iterdir()}
    with pytest.raises(OSError, match="No space left") as error:
        directory.save_checkpoint(checkpoint(3, size=30_000))
    assert error.value.errno == errno.ENOSPC
    assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == before
    assert epoch_of(directory) == 2
    (small_disk / "checkpoint.pt").unlink()
    assert epoch_of(directory) == 1
