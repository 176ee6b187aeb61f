"""Files that are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hypo.runs.atomic import write_atomically


@pytest.mark.parametrize("durable", [True, False])
def test_content_is_written_whole_and_nothing_else_is_left(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "file"
    for content in (b"first", memoryview(b"second"), b""):
        write_atomically(path, content, durable=durable)
        assert path.read_bytes() == bytes(content)
    assert os.listdir(tmp_path) == ["file"]


def test_two_generations_are_kept(tmp_path: Path) -> None:
    path, previous = tmp_path / "file", tmp_path / "file.previous"
    write_atomically(path, b"1", keep=previous)
    assert not previous.exists()
    for generation in (b"2", b"3"):
        before = path.read_bytes()
        write_atomically(path, generation, keep=previous)
        assert (path.read_bytes(), previous.read_bytes()) == (generation, before)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path, previous = tmp_path / "file", tmp_path / "file.previous"
    write_atomically(path, b"1", keep=previous)
    write_atomically(path, b"2", keep=previous)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full) if failing == "fsync" else broken.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, b"3", keep=previous)
    assert sorted(os.listdir(tmp_path)) == ["file", "file.previous"]
    assert (path.read_bytes(), previous.read_bytes()) == (b"2", b"1")


def test_a_write_that_is_forbidden_at_the_last_moment_changes_nothing(tmp_path: Path) -> None:
    path, previous = tmp_path / "file", tmp_path / "file.previous"
    write_atomically(path, b"1", keep=previous)
    write_atomically(path, b"2", keep=previous)

    def refuse() -> None:
        assert len(os.listdir(tmp_path)) == 3  # all is written, and lies beside
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomically(path, b"3", keep=previous, may_write=refuse)
    assert sorted(os.listdir(tmp_path)) == ["file", "file.previous"]
    assert (path.read_bytes(), previous.read_bytes()) == (b"2", b"1")


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "folder" / "file", b"content")


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    size = 300_000
    write_atomically(path, b"0" * size)
    seen: list[bytes] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        write_atomically(path, str(number % 10).encode() * size, durable=False)
    stop.set()
    reader.join()
    assert seen
    assert all(len(content) == size and len(set(content)) == 1 for content in seen)


WRITE = """
import sys, pathlib
from hypo.runs.atomic import write_atomically

for number in range(200):
    write_atomically(pathlib.Path(sys.argv[1]), sys.argv[2].encode() * 50_000, durable=False)
"""


def test_two_writers_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, str(path), letter]) for letter in "ab"]
    while any(writer.poll() is None for writer in writers):
        content = path.read_bytes() if path.exists() else b"a" * 50_000
        assert content in (b"a" * 50_000, b"b" * 50_000)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert os.listdir(tmp_path) == ["file"]
