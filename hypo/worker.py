"""`python -m hypo.worker`: run the run directories that standard input names, one after the other.

A task is a line of JSON, `{"run": directory, "group": sweep id}`; its outcome is a line on standard output,
`{"state": ..., "reason": ..., "trained": ...}`. All else that a run prints goes to `log.txt` in its directory.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from hypo import tracking
from hypo.console import Lines
from hypo.errors import InputError
from hypo.job import Outcome, reopen


def main() -> None:
    """Serve until standard input ends; exits with 130 when interrupted."""
    with os.fdopen(os.dup(1), "w") as answers:
        try:
            for line in sys.stdin:
                outcome = run(json.loads(line))
                print(json.dumps(asdict(outcome)), file=answers, flush=True)
        except KeyboardInterrupt:
            sys.exit(130)
        finally:
            tracking.close()


def run(task: Mapping[str, Any]) -> Outcome:
    """Attempt one run directory, with everything that is printed meanwhile appended to its log.txt."""
    path = Path(task["run"])
    log = os.open(path / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    try:
        return reopen(path).attempt(Lines(Console(width=100)), task["group"])
    except InputError as error:
        return Outcome("failed", str(error))


if __name__ == "__main__":
    main()
