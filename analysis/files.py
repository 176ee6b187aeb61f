"""Tables and figures are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from hypo.runs.atomic import write_atomically
from hypo.settings.errors import InputError


def make_folder(folder: Path) -> None:
    """Make `folder`, and those above it, where they are missing.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"-o {folder}: cannot be made a folder: {error.strerror}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` with `content`; whatever goes wrong, the file that was there stays as it was.

    Raises:
        InputError: the folder is missing, full or not writable.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
