"""Who may write a run: one process at a time, which a newer attempt at the same run can fence off.

The lock file names its holder. A process that dies loses the lock at once, however it dies. One that lives on
where nobody can reach it (its node was given up, and its job started again elsewhere) is fenced: the newer
attempt puts another file in the place of the locked one, and whoever finds another name in the file than its
own may not write any more.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from hypo.settings.errors import LockedError

BEAT_SECONDS = 15.0
"""How often a holder touches the lock file; its age is the time since the last sign of life."""

_LOOK_AGAIN_SECONDS = 0.2
_TRIES = 2


@dataclass(frozen=True)
class Claim:
    """How a lock is asked for.

    Attributes:
        wait: stand in line for it instead of being refused.
        takes_over: the token of a holder known to be of no right any more, which is not waited for.
        patience: with `wait`, seconds without a sign of life after which any holder is taken for lost.
        about: what the lock file says of the holder beside its process: the cluster's job, its node.
    """

    wait: bool = False
    takes_over: str | None = None
    patience: float | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


class Lock:
    """An exclusive lock on a file, released when its process ends, however it ends."""

    def __init__(self, path: Path, claim: Claim | None = None) -> None:
        self._path, self._claim = path, claim or Claim()
        self._descriptor = -1
        self._tries = 0
        self._token = secrets.token_hex(8)
        self._released = threading.Event()

    def __enter__(self) -> Lock:
        """Take the lock; LockedError, saying who holds it, when another process has it."""
        # Asked for again and again instead of blocking, because who waits for a holder that is fenced off
        # meanwhile has to notice.
        while not self._try():
            time.sleep(_LOOK_AGAIN_SECONDS)
        self._beating = threading.Thread(target=self._beat, daemon=True)
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._beating.join()  # it must not touch what the descriptor's number stands for next
        os.close(self._descriptor)

    def check(self) -> None:
        """LockedError when a newer attempt has taken over: from then on nothing may be written."""
        if holder(self._path).get("token") != self._token:
            raise self._refusal("was taken over")

    def _try(self) -> bool:
        """Take the file that is there now; False when it is to be tried again."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            takes_over = self._claim.takes_over
            if self._is_lost() or (takes_over is not None and holder(self._path).get("token") == takes_over):
                self._replace()
                return True
            # Whoever only looks whether the lock is held (`is_held`) takes it for a moment.
            self._tries += 1
            if self._claim.wait or self._tries < _TRIES:
                return False
            raise self._refusal("is being run") from None
        if not self._is_in_place():
            os.close(self._descriptor)
            return False
        self._sign()
        return True

    def _is_lost(self) -> bool:
        patience, silence = self._claim.patience, seconds_since_beat(self._path)
        return patience is not None and silence is not None and silence > patience

    def _replace(self) -> None:
        """Put a file that is locked and signed already in the place of the one that is there."""
        beside = self._path.with_name(f"{self._path.name}.{self._token}")
        self._descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._sign()
        beside.replace(self._path)

    def _sign(self) -> None:
        who = {"token": self._token, "pid": os.getpid(), "host": socket.gethostname(), **self._claim.about}
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(who).encode(), 0)

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _beat(self) -> None:
        # By descriptor: a holder that was fenced off must not make its successor look alive.
        while not self._released.wait(BEAT_SECONDS):
            try:
                os.utime(self._descriptor)
            except OSError:
                return

    def _refusal(self, how: str) -> LockedError:
        other = holder(self._path)
        job = f", job {other['job']}" if "job" in other else ""
        who = f"process {other.get('pid', '?')} on {other.get('host', '?')}{job}"
        return LockedError(f"{self._path.parent}: {how} by another process ({who})")


def holder(path: Path) -> dict[str, Any]:
    """What a lock file says of who holds it, or held it last: token, pid, host and the claim's `about`."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def is_held(path: Path) -> bool:
    """Whether some process holds the lock now, on this machine or on another that shares the folder."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # several may look at once
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def seconds_since_beat(path: Path) -> float | None:
    """The time since the holder's last sign of life; None where there is no lock file."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return None
