"""A file that many need is made once, whatever happens to who makes it."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from hypo.runs import shared_files
from hypo.runs.lock import Claim, Lock
from hypo.runs.shared_files import made_once
from hypo.settings.errors import LockedError


def lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def test_of_many_that_come_together_one_makes_it_and_none_reads_half(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    calls: list[int] = []
    seen: list[bytes] = []

    def make() -> bytes:
        calls.append(1)
        time.sleep(0.3)
        return b"x" * 1_000_000

    def come(number: int) -> None:
        made_once(path, make, path.exists, f"run {number}")
        seen.append(path.read_bytes())

    threads = [threading.Thread(target=come, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(calls), set(seen)) == (1, {b"x" * 1_000_000})
    assert len(seen) == 4


def test_one_that_is_there_is_not_made_again_and_one_that_is_no_good_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    made_once(path, lambda: b"new", path.exists, "run")
    assert path.read_bytes() == b"old"
    made_once(path, lambda: b"new", lambda: path.read_bytes() == b"new", "run")
    assert path.read_bytes() == b"new"


def test_a_maker_that_fails_leaves_nothing_and_the_next_one_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def crash() -> bytes:
        raise MemoryError("no")

    with pytest.raises(MemoryError):
        made_once(path, crash, path.exists, "run")
    assert not path.exists()
    made_once(path, lambda: b"whole", path.exists, "another run")
    assert path.read_bytes() == b"whole"


def test_a_maker_that_was_killed_does_not_block_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    read, write = os.pipe()
    if (child := os.fork()) == 0:  # dies at work, without a chance to clean up
        made_once(path, lambda: (os.write(write, b"at work") and os._exit(1)) or b"", path.exists, "killed")
    assert os.read(read, 7) == b"at work"
    os.waitpid(child, 0)
    made_once(path, lambda: b"whole", path.exists, "run")
    assert path.read_bytes() == b"whole"


def test_an_attempt_of_the_same_run_that_was_fenced_off_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def make_while_another_attempt_takes_over() -> bytes:
        made_once(path, lambda: b"newer", path.exists, "run")
        return b"older"

    with pytest.raises(LockedError, match="was taken over"):
        made_once(path, make_while_another_attempt_takes_over, path.exists, "run")
    assert path.read_bytes() == b"newer"


def test_a_maker_without_a_sign_of_life_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    monkeypatch.setattr(shared_files, "PATIENCE_SECONDS", 60.0)
    with Lock(lock_of(path), Claim(about={"run": "lost"})) as lost:
        long_ago = time.time() - 61
        os.utime(lock_of(path), (long_ago, long_ago))
        made_once(path, lambda: b"whole", path.exists, "run")
        with pytest.raises(LockedError):
            lost.check()
    assert json.loads(lock_of(path).read_text())["run"] == "run"
