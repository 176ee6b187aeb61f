"""Files of arrays that are built once and found again, such as the decoded images of a folder."""

from __future__ import annotations

import os
import uuid
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from hypo.settings.errors import InputError


def find_or_build(key: str, folders: Sequence[Path], build: Callable[[], Mapping[str, np.ndarray]]) -> Path:
    """The path of `key`'s .npz archive: in the first of `folders` that has it, else that can be written to.

    The archive is written beside its place and then moved there, so that nobody ever reads half of one, and
    of two processes that build the same one the later simply replaces it by its equal.

    Args:
        key: names the contents; it must differ whenever they would.
        folders: where to look, in this order.
        build: makes the arrays when no folder has them.

    Raises:
        InputError: when none of the folders can be written to.
    """
    for folder in folders:
        if zipfile.is_zipfile(folder / f"{key}.npz"):
            return folder / f"{key}.npz"
    arrays = build()
    reasons = []
    for folder in folders:
        try:
            return _write(folder / f"{key}.npz", arrays)
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror}")
    raise InputError(
        "dataset.cache: takes a folder to keep decoded images in, but none could be written"
        f" ({'; '.join(reasons)}); set it to one that can"
    )


def user_cache() -> Path:
    """The user's own cache folder: `$XDG_CACHE_HOME/hypo`, or `~/.cache/hypo`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hypo"


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{uuid.uuid4().hex}.unfinished")
    try:
        with unfinished.open("xb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
