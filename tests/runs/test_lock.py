"""Who may write a run: nobody twice, never a dead process, and of two that live the newer one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hypo.runs import lock
from hypo.runs.lock import Claim, Lock, holder, is_held, seconds_since_beat
from hypo.settings.errors import LockedError

HOLD = """
import json, pathlib, sys
from hypo.settings.errors import LockedError
from hypo.runs.lock import Claim, Lock
with Lock(pathlib.Path(sys.argv[1]), Claim(**json.loads(sys.argv[2]))) as held:
    print("held", flush=True)
    for line in sys.stdin:
        try:
            held.check()
            print("mine", flush=True)
        except LockedError as error:
            print(error, flush=True)
"""

Hold = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".lock"


@pytest.fixture
def hold(path: Path) -> Iterator[Hold]:
    """Starts another process that takes the lock and has it until its input ends."""
    started: list[subprocess.Popen[str]] = []

    def start(**claim: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), json.dumps(claim)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    """The next line of a holder."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def checked(process: subprocess.Popen[str]) -> str:
    """What `check` gives in the other process: "mine", or the error."""
    assert process.stdin is not None
    process.stdin.write("check\n")
    process.stdin.flush()
    return said(process)


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


def test_a_takeover_fences_off_a_holder_that_lives_on(path: Path, hold: Hold) -> None:
    old = hold(about={"job": "17", "restart": 0})
    assert said(old) == "held"
    assert checked(old) == "mine"
    new = hold(takes_over=holder(path)["token"], about={"job": "17", "restart": 1})
    assert said(new) == "held"
    assert old.poll() is None
    assert checked(new) == "mine"
    refusal = f"by another process (process {new.pid} on {socket.gethostname()}, job 17)"
    assert checked(old) == f"{path.parent}: was taken over {refusal}"
    assert holder(path)["restart"] == 1
    for _ in range(2):
        with pytest.raises(LockedError) as error, Lock(path):
            pass
        assert str(error.value) == f"{path.parent}: is being run {refusal}"
        assert is_held(path)
        old.kill()  # and what the dead one had locked is of no use to a third
        old.wait()
    assert checked(new) == "mine"
    assert os.listdir(path.parent) == [path.name]


def test_the_end_of_a_fenced_holder_leaves_the_newer_one_alone(path: Path, hold: Hold) -> None:
    old = hold()
    assert said(old) == "held"
    with Lock(path, Claim(takes_over=holder(path)["token"])) as new:
        old.communicate()  # its input ends, and it leaves the lock in good order
        assert old.returncode == 0
        new.check()
        with pytest.raises(LockedError), Lock(path):
            pass


def test_a_takeover_with_another_token_is_refused(path: Path, hold: Hold) -> None:
    old = hold()
    assert said(old) == "held"
    before = path.read_bytes()
    with (
        pytest.raises(LockedError, match=rf"is being run by another process \(process {old.pid} on "),
        Lock(path, Claim(takes_over="0123456789abcdef")),
    ):
        pass
    assert path.read_bytes() == before
    assert checked(old) == "mine"


def test_a_token_serves_one_takeover(path: Path, hold: Hold) -> None:
    """Of two that are sent to replace the same holder, the second does not fence off the first."""
    old = hold()
    assert said(old) == "held"
    claim = Claim(takes_over=holder(path)["token"])
    with Lock(path, claim) as new:
        with pytest.raises(LockedError), Lock(path, claim):
            pass
        new.check()


def test_a_lock_that_nobody_holds_is_taken_without_a_takeover(path: Path, hold: Hold) -> None:
    old = hold()
    assert said(old) == "held"
    token = holder(path)["token"]
    old.kill()
    old.wait()
    before = path.stat().st_ino
    with Lock(path, Claim(takes_over=token)) as new:
        new.check()
    assert path.stat().st_ino == before


@pytest.mark.parametrize("end", ["killed", "done"])
def test_who_waits_gets_the_lock_when_its_holder_ends(path: Path, hold: Hold, end: str) -> None:
    old = hold()
    assert said(old) == "held"
    new = hold(wait=True, about={"job": "18"})
    with pytest.raises(subprocess.TimeoutExpired):
        new.wait(1)
    assert holder(path)["pid"] == old.pid
    old.kill() if end == "killed" else old.communicate()
    assert said(new) == "held"
    assert (holder(path)["pid"], holder(path)["job"]) == (new.pid, "18")
    assert checked(new) == "mine"


def test_who_waits_and_takes_over_does_not_wait_for_the_one_that_is_taken_over(path: Path, hold: Hold) -> None:
    old = hold()
    assert said(old) == "held"
    new = hold(wait=True, takes_over=holder(path)["token"])
    assert said(new) == "held"
    assert old.poll() is None
    assert checked(new) == "mine"


def test_who_waits_waits_for_the_newer_holder_too(path: Path, hold: Hold) -> None:
    """The file that it stood in line for is no longer the one that counts."""
    old = hold()
    assert said(old) == "held"
    waiting = hold(wait=True)
    newer = hold(takes_over=holder(path)["token"])
    assert said(newer) == "held"
    old.kill()
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1)
    assert holder(path)["pid"] == newer.pid
    newer.kill()
    assert said(waiting) == "held"
    assert checked(waiting) == "mine"


def test_who_waits_is_served_although_a_fenced_holder_lives_on(path: Path, hold: Hold) -> None:
    old = hold()
    assert said(old) == "held"
    waiting = hold(wait=True)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1)
    newer = hold(takes_over=holder(path)["token"])
    assert said(newer) == "held"
    newer.communicate()
    assert said(waiting) == "held"
    assert old.poll() is None


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
