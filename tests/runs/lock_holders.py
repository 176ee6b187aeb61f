"""Other processes that hold a lock, and what they say."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

HOLD = """
import json, pathlib, sys
from hypo.settings.errors import LockedError
from hypo.runs.lock import Claim, Lock
with Lock(pathlib.Path(sys.argv[1]), Claim(**json.loads(sys.argv[2]))) as held:
    print("held", flush=True)
    for line in sys.stdin:
        try:
            held.check()
            print("mine", flush=True)
        except LockedError as error:
            print(error, flush=True)
"""

Hold = Callable[..., subprocess.Popen[str]]


def said(process: subprocess.Popen[str]) -> str:
    """The next line of a holder."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def checked(process: subprocess.Popen[str]) -> str:
    """What `check` gives in the other process: "mine", or the error."""
    assert process.stdin is not None
    process.stdin.write("check\n")
    process.stdin.flush()
    return said(process)
