"""Files that are whole or not there."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path


def write_atomically(
    path: Path,
    content: bytes | memoryview,
    *,
    keep: Path | None = None,
    durable: bool = True,
    may_write: Callable[[], None] = lambda: None,
) -> None:
    """Write beside `path` and rename: a crash or a full disk leaves the old file as it was.

    Args:
        keep: where the old file goes, if there is one.
        durable: flush to the disk before renaming, so that the file survives a power failure as well.
        may_write: called at the last moment; what it raises leaves the old file as it was.
    """
    beside = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        may_write()
        if keep is not None and path.exists():
            path.replace(keep)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
