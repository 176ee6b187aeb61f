"""Files that are whole or not there, and a lock that a dead process cannot keep."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType

from hypo.errors import LockedError


def write_atomically(
    path: Path, content: bytes | memoryview, *, keep: Path | None = None, durable: bool = True
) -> None:
    """Write beside `path` and rename: a crash or a full disk leaves the old file as it was.

    Args:
        keep: where the old file goes, if there is one.
        durable: flush to the disk before renaming, so that the file survives a power failure as well.
    """
    beside = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if keep is not None and path.exists():
            path.replace(keep)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


class Lock:
    """An exclusive lock on a file, released when its process ends, however it ends."""

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        """With `wait`, stand in line for it instead of raising."""
        self._path = path
        self._mode = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
        self._descriptor = -1

    def __enter__(self) -> Lock:
        """Take the lock; LockedError, saying who holds it, when another process has it."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._descriptor, self._mode)
        except BlockingIOError:
            holder = os.read(self._descriptor, 200).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise LockedError(f"{self._path.parent}: is being run by another process ({holder})") from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
