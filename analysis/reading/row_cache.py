"""What was read from finished runs, kept beside them, so that ten thousand of them are read in seconds.

A row counts as long as its files have the size and the time of change that they had, and the code that read them
is the same. Whatever is wrong with the cache, the runs are read instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from analysis import escaping
from hypo.runs.atomic import write_atomically
from hypo.settings import checks
from hypo.settings.identity import SCHEMA

_FILES = ("config.yaml", "status.json", "result.json")
NAME = ".analysis-rows.json"


class RowCache:
    """The rows of the finished runs in one folder, by the name of the run directory.

    They lie in the outputs folder above it; a folder of runs that is not called so keeps none.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder.parent / NAME if folder.name == "runs" else None
        self._changed = False
        self._entries: dict[str, tuple[list[int], dict[str, Any]]] = {}
        if self._path is None:
            return
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if content["readers"] == _readers():
                self._entries = {name: (stamp, dict(row)) for name, (stamp, row) in content["rows"].items()}

    def row(self, directory: Path, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The row of `directory` as remembered, else what `read` returns; that is remembered if it is done."""
        before = _stamp(directory)
        known, row = self._entries.get(directory.name, (None, {}))
        if before is None or known != before:
            row = read()
            if before is not None and row["state"] == "done":
                self._entries[directory.name] = (before, row)
                self._changed = True
        return {**row, "directory": str(directory)}

    def save(self) -> None:
        """Write what is new; where nothing can be written, the next reader reads the runs again."""
        if self._changed and self._path is not None:
            content = json.dumps({"readers": _readers(), "rows": self._entries}, ensure_ascii=False)
            with contextlib.suppress(OSError):
                write_atomically(self._path, content.encode())


def _stamp(directory: Path) -> list[int] | None:
    """Sizes and times of change of the files that make a row; None while there is no result."""
    found: list[int] = []
    for name in _FILES:
        try:
            status = (directory / name).stat()
        except OSError:
            return None
        found += [status.st_size, status.st_mtime_ns]
    return found


@cache
def _readers() -> str:
    """A hash of the code that makes rows: another version reads the runs anew."""
    folder = Path(__file__).parent
    readers = [*sorted(folder.glob("*.py")), Path(escaping.__file__), Path(checks.__file__)]
    code = b"".join(path.read_bytes() for path in readers)
    return hashlib.sha256(code + str(SCHEMA).encode()).hexdigest()
