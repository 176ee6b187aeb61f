"""Of two processes that both believe to hold a lock the newer one has it, and who waits gets it in turn."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from lock_holders import Hold, checked, said

from hypo.runs.lock import Claim, Lock, holder, is_held
from hypo.settings.errors import LockedError


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
