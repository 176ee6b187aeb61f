"""`python -m hypo.migrate OUTPUTS`: what an earlier version of hypo left there, in the form of this version."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hypo.command_line.streams import replace_what_cannot_be_shown
from hypo.settings.errors import InputError

_PROGRAM = "python -m hypo.migrate"
_ABOUT = """\
Bring outputs of an earlier version of hypo up to date: every run directory gets
its run id of today and its files the form of today, so that nothing is trained,
attacked or crafted again. Nothing is deleted; of two directories that are one
run now, one is moved to OUTPUTS/superseded. Stopped half-way, the same command
goes on.

Nothing may be running there, nor be queued on a cluster. What W&B has of these
runs keeps its old run ids: W&B's own files stay where they lie, and
`python -m analysis wandb --sync` uploads the runs under their new ones.

Exit code: 0 when all is up to date, 1 when something had to be left as it is
(each with its reason on standard error), 2 for wrong input.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Migrate, or say what would be done, and return the exit code."""
    replace_what_cannot_be_shown()
    parser = argparse.ArgumentParser(
        _PROGRAM, description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("outputs", metavar="OUTPUTS", type=Path, help="an outputs folder, with runs in it")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be called how, and change nothing"
    )
    options = parser.parse_args(arguments)
    try:
        from hypo.migrate.renewal import counted, renewal  # which imports torch

        todo = renewal(options.outputs)
        if todo.is_empty and not todo.left:
            print(f"{counted(todo.runs.up_to_date, 'run')}, up to date: there is nothing to do")
            return 0
        if options.dry_run:
            for line in todo.lines():
                print(line)
        else:
            todo.carry_out(print)
    except (InputError, OSError) as error:
        print(f"{_PROGRAM}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    for path, why in todo.left.items():
        print(f"left: {path}: {why}", file=sys.stderr)
    print(f"{todo.summary()}{'; nothing was changed (--dry-run)' if options.dry_run else ''}")
    return 1 if todo.left else 0


if __name__ == "__main__":
    sys.exit(main())
