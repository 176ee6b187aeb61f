"""Parts of a measurement that is not done yet, a file each in its run directory."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hypo.runs.atomic import write_atomically
from hypo.settings.identity import SCHEMA, short_hash

_OWNER = "kept for"


@dataclass(frozen=True)
class KeptFiles:
    """`Kept` in the folder of the same name, `<part>.npz` each, for one measurement at its settings.

    Attributes:
        folder: of this measurement alone; it need not be there.
        settings: plain data, all that decides what is found and is in no file.
        files: the others that decide, such as the model; they are there when the first part is put.
        may_write: see `write_atomically`.
    """

    folder: Path
    settings: Mapping[str, Any]
    files: Sequence[Path]
    may_write: Callable[[], None]

    def get(self, name: str) -> Mapping[str, np.ndarray] | None:
        """See `Kept.get`; a file that is broken, or of other settings or another model, is not there either."""
        path = self._path(name)
        if not path.exists():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {key: stored[key] for key in stored.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
            return None  # it was copied half, or is no file of ours: what it had is found again
        owner = arrays.pop(_OWNER, None)
        return arrays if owner is not None and str(owner) == self._owner else None

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """See `Kept.put`."""
        path = self._path(name)
        buffer = io.BytesIO()
        np.savez(buffer, **{_OWNER: np.array(self._owner)}, **arrays)  # type: ignore[arg-type]
        path.parent.mkdir(parents=True, exist_ok=True)
        # What a power failure leaves of it is known by its check sums.
        write_atomically(path, buffer.getbuffer(), durable=False, may_write=self.may_write)

    def _path(self, name: str) -> Path:
        assert re.fullmatch(r"[\w-]+", name), name
        return self.folder / f"{name}.npz"

    @cached_property
    def _owner(self) -> str:
        contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.files]
        return short_hash({"schema": SCHEMA, "settings": self.settings, "files": contents})


def remove(folder: Path) -> None:
    """Let what is kept in `folder` go, and the folder above it when nothing else is kept there."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.parent.rmdir()
    except OSError:
        return  # something else is kept, or nothing was
