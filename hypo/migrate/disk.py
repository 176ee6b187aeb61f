"""All that changes anything on disk while outputs are brought up to date: in whole steps, and nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

from hypo.runs.atomic import write_atomically


def rewrite(path: Path, content: bytes) -> None:
    """Let `content` be in the file `path`, whole or not at all; it keeps its time, which is that of the run."""
    if path.read_bytes() != content:
        before = path.stat()
        write_atomically(path, content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def move(path: Path, to: Path) -> None:
    """Let what is at `path` be at `to`."""
    if path != to:
        to.parent.mkdir(parents=True, exist_ok=True)
        path.rename(to)


def replace(path: Path, content: bytes, by: Path) -> None:
    """Let there be `content` at `by`, unless something is there, and no file `path` any more, nor its lock."""
    if not by.exists():
        write_atomically(by, content)
    path.unlink()
    path.with_name(f".{path.name}.lock").unlink(missing_ok=True)
