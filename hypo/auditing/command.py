"""`python -m hypo.audit MODEL DATA`: from what is typed to a run directory and a page."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Sequence

from rich.console import Console

from hypo.auditing.arguments import PROGRAM, page, parsed, words
from hypo.command_line.refusing import refusing
from hypo.command_line.streams import replace_what_cannot_be_shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit, and return the exit code: 0 when all is measured, 1 when something failed; refused, exit with 2."""
    replace_what_cannot_be_shown()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that the run's status tells
    options = parsed(arguments)
    try:
        with refusing():
            from hypo.auditing.run import audited

            typed = shlex.join([*PROGRAM.split(), *(sys.argv[1:] if arguments is None else arguments)])
            return audited(words(options), options.preprocessing, page(options), Console(), typed)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
