"""Tables and figures are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from hypo.atomic import write_atomically
from hypo.errors import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` with `content`; whatever goes wrong, the file that was there stays as it was.

    Raises:
        InputError: the folder is missing, full or not writable.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
