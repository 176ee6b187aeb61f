"""`python -m hypo.run` where data, disk, run directory or server are not as they should be."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked import Forked
from PIL import Image
from typed_runs import SHORT, the_only_run


def test_a_diverged_run_fails_with_its_epoch_and_lambda(run, tmp_path: Path) -> None:
    typed = run(*SHORT, "lambda=3", "recipe.learning_rate=1e30")
    assert typed.code == 1
    assert "failed: diverged: the loss of epoch" in typed.err
    assert "lambda=3" in typed.err
    status = json.loads((the_only_run(tmp_path) / "status.json").read_text())
    assert status["state"] == "failed"
    assert status["reason"].startswith("diverged")


def small_images(folder: Path, classes: str = "ab", side: int = 4) -> None:
    for split in ("train", "test"):
        for shade, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True)
            Image.new("L", (side, side), 90 * shade).save(folder / split / name / "0.png")


def test_an_arch_that_cannot_take_the_images_is_refused(run, tmp_path: Path) -> None:
    small_images(tmp_path / "data")
    typed = run("dataset=image_folder", "arch=resnet18")
    assert typed.code == 2
    assert typed.err.startswith("error: arch")
    assert "4" in typed.err
    assert not (tmp_path / "outputs").exists()


def test_a_folder_of_one_class_is_refused(run, tmp_path: Path) -> None:
    small_images(tmp_path / "data", classes="a")
    typed = run("dataset=image_folder")
    assert typed.code == 2
    assert "two classes" in typed.err


def test_a_corrupt_image_is_named(run, tmp_path: Path) -> None:
    small_images(tmp_path / "data")
    (tmp_path / "data" / "train" / "a" / "1.png").write_bytes(b"no image")
    typed = run("dataset=image_folder")
    assert typed.code == 2
    assert "train/a/1.png" in typed.err
    assert typed.err.count("\n") == 1


def test_a_full_disk_fails_the_run_in_one_line(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(*SHORT, "seed=1")
    monkeypatch.setattr("hypo.runs.atomic.os.fsync", lambda descriptor: full())
    monkeypatch.setattr("hypo.runs.directory.RunDirectory.update_status", lambda self, **changes: full())

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (the_only_run(tmp_path) / "result.json").unlink()
    typed = run(*SHORT, "seed=1")
    assert typed.code == 1
    assert typed.err.count("\n") == 1
    assert "No space left on device" in typed.err


@pytest.mark.parametrize(
    ("file", "content", "remedy"),
    [
        ("result.json", b'{"schema": 2, "D"', "move it away"),
        ("result.json", b'{"schema": 3}', "schema version 3"),
        ("result.json", b'{"schema": 2}', "the result has no run_id"),
        ("config.yaml", b"schema: 3\n", "schema version 3"),
        ("config.yaml", b"{", "cannot be read"),
    ],
)
def test_a_broken_run_directory_is_named_and_left_alone(
    run, tmp_path: Path, file: str, content: bytes, remedy: str
) -> None:
    run(*SHORT)
    path = the_only_run(tmp_path)
    (path / file).write_bytes(content)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file() and file.name != ".lock"}
    typed = run(*SHORT)
    assert typed.code != 0
    assert str(path.name) in typed.err
    assert remedy in typed.err
    assert typed.err.count("\n") == 1
    assert {file: file.read_bytes() for file in before} == before


def test_a_checkpoint_cut_short_is_named_and_left_alone(run, tmp_path: Path) -> None:
    run(*SHORT, "keep_checkpoint=true")
    path = the_only_run(tmp_path)
    (path / "result.json").unlink()
    whole = (path / "checkpoint.pt").read_bytes()
    (path / "checkpoint.pt").write_bytes(whole[: len(whole) // 2])
    (path / "model.safetensors").unlink()
    typed = run(*SHORT)
    assert typed.code == 1
    assert "checkpoint.pt" in typed.err
    assert "move it away" in typed.err
    assert typed.err.count("\n") == 1
    assert (path / "checkpoint.pt").read_bytes() == whole[: len(whole) // 2]
    (path / "checkpoint.pt").unlink()
    assert run(*SHORT).code == 0


@pytest.mark.slow
def test_a_terminated_run_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    command = [sys.executable, "-m", "hypo.run", "recipe.epochs=3000"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "scratch"), "PYTHONIOENCODING": "ascii"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as run:
        while not list((tmp_path).glob("outputs/runs/*/history.csv")):
            time.sleep(0.1)
        run.terminate()
        run.communicate(timeout=60)
    assert run.returncode == 143
    status = json.loads((the_only_run(tmp_path) / "status.json").read_text())
    assert (status["state"], status["reason"]) == ("interrupted", "terminated")
    assert not list((tmp_path / "scratch").glob("*wandb*"))


def test_a_tracking_server_that_is_not_there_costs_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": 40 * "0"}
    settings = (*SHORT[:-1], "tracking=online")
    with Forked("-m", "hypo.run", *settings, cwd=tmp_path, env=environment) as run:
        assert run.wait() == 0
        assert "The run lies in" in run.out
        assert run.err.startswith("W&B: ")
        assert run.err.count("\n") == 1
    assert json.loads((the_only_run(tmp_path) / "result.json").read_text())["n"] == 100
