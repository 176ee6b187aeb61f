"""Output that no terminal can make fail."""

from __future__ import annotations

import io
import sys


def replace_what_cannot_be_shown() -> None:
    """Print a question mark for λ, ε or ± where the terminal's encoding has no such letter."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
