"""Who may write a run: nobody twice, never a dead process, and of two that live the newer one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lock_holders import Hold, checked, said

from hypo.runs import lock
from hypo.runs.lock import Claim, Lock, holder, is_held, seconds_since_beat
from hypo.settings.errors import LockedError


def test_only_one_process_can_hold_a_lock_and_a_dead_one_cannot(path: Path, hold: Hold) -> None:
    process = hold()
    assert said(process) == "held"
    with pytest.raises(LockedError) as error, Lock(path):
        pass
    who = f"process {process.pid} on {socket.gethostname()}"
    assert str(error.value) == f"{path.parent}: is being run by another process ({who})"
    process.kill()
    process.wait()
    with Lock(path):
        pass


def test_a_lock_is_free_after_its_context(path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), Lock(path):
            raise ZeroDivisionError
    with Lock(path), pytest.raises(LockedError), Lock(path):
        pass


def test_a_child_process_does_not_inherit_the_lock(path: Path) -> None:
    with Lock(path):
        child = subprocess.Popen(
            [sys.executable, "-c", "print('here', flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=False,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
    with child:
        with Lock(path):
            assert child.poll() is None
        child.kill()


def test_whether_a_lock_is_held_is_asked_without_taking_it(path: Path, hold: Hold) -> None:
    assert not is_held(path)
    assert not path.exists()
    process = hold()
    assert said(process) == "held"
    assert is_held(path)
    assert checked(process) == "mine"
    process.kill()
    process.wait()
    assert not is_held(path)


def test_the_file_says_who_holds_it_and_for_whom(path: Path, hold: Hold) -> None:
    about = {"job": "17_3", "node": "node1", "restart": 2}
    process = hold(about=about)
    assert said(process) == "held"
    found = holder(path)
    assert len(found.pop("token")) == 16
    assert found == {"pid": process.pid, "host": socket.gethostname(), **about}
    with pytest.raises(LockedError, match=rf"\(process {process.pid} on {socket.gethostname()}, job 17_3\)$"):
        Lock(path).__enter__()


@pytest.mark.parametrize("content", [None, "", "[1]", '{"token":', "process 12 on elsewhere\n"])
def test_a_lock_file_that_says_nothing_names_nobody_and_stops_nobody(path: Path, content: str | None) -> None:
    if content is not None:
        path.write_text(content)
    assert holder(path) == {}
    with Lock(path) as held:
        held.check()
        assert holder(path)["pid"] == os.getpid()


def test_a_lock_has_another_token_each_time(path: Path) -> None:
    tokens = set()
    for _ in range(3):
        with Lock(path):
            tokens.add(holder(path)["token"])
    assert len(tokens) == 3


def aged(path: Path) -> None:
    """An hour without a sign of life."""
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))


def test_a_holder_gives_signs_of_life(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    assert seconds_since_beat(path) is None
    with Lock(path):
        for _ in range(3):
            aged(path)
            while (age := seconds_since_beat(path)) is not None and age > 1800:
                time.sleep(0.01)
            assert age is not None
            assert age >= 0
    aged(path)
    age = seconds_since_beat(path)
    assert age is not None
    assert age > 1800


def test_a_fenced_holder_gives_no_signs_of_life_in_the_name_of_the_newer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    with Lock(path):
        held = os.open(path, os.O_RDONLY)  # the fenced file itself, wherever its name leads
        monkeypatch.setattr(lock, "BEAT_SECONDS", 3600.0)
        with Lock(path, Claim(takes_over=holder(path)["token"])):
            aged(path)
            before = os.fstat(held).st_mtime_ns
            while os.fstat(held).st_mtime_ns == before:
                time.sleep(0.01)  # until the fenced one has surely beaten
            age = seconds_since_beat(path)
            assert age is not None
            assert age > 1800
        os.close(held)
