"""`python -m analysis`: tables and pictures from run directories."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.parts import PARTS
from hypo.errors import InputError
from hypo.streams import replace_what_cannot_be_shown

if TYPE_CHECKING:
    import pandas

_FOLDERS = """\
A folder may be an outputs folder, its runs folder, one of its sweeps/<id>, or
one run directory; copies on other machines and half-finished sweeps work, and
so do folders with nothing but what W&B recorded offline.

Exit code: 0 when every run has its result, 1 when some have not (each is listed
on standard error with its reason and the command that would fill it), 2 for
wrong input.
"""
_EXAMPLES = """\
examples:
  python -m analysis tables outputs                 the table as Markdown
  python -m analysis tables outputs -o table.tex    as LaTeX with booktabs
  python -m analysis tables outputs --paper tao2022/table10
                                                    beside the published numbers
  python -m analysis runs outputs -o runs.parquet   one row a run, every setting and metric
  python -m analysis curves outputs                 outputs/tradeoff.png, .pdf, .svg
  python -m analysis curves outputs/sweeps/<id> -o figures
  python -m analysis pareto outputs                 which λ are not dominated
  python -m analysis compare thrm trades outputs    at every λ that both have
  python -m analysis targeted outputs               outputs/targeted.csv, .png, .pdf, .svg
  python -m analysis report outputs -o report       report/index.html, to look at in a browser
  python -m analysis wandb --sync outputs           to W&B what is not yet there
  python -m analysis wandb --project me/hypo        a workspace and a report there
  python -m analysis examples outputs/runs/<run>    outputs/runs/<run>/examples.png
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command and return the exit code: 0 complete, 1 with missing runs, 2 for wrong input."""
    replace_what_cannot_be_shown()
    options = _parser().parse_args(arguments)
    try:
        frame = options.run(options)
    except InputError as error:
        print(f"python -m analysis: {error}", file=sys.stderr)
        return 2
    return 0 if frame is None else _report_missing(frame)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m analysis",
        description=f"Tables and pictures from run directories.\n\n{_FOLDERS}",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(required=True, metavar="|".join(PARTS))
    for name, part in PARTS.items():
        added = parts.add_parser(
            name,
            help=part.text,
            description=f"{part.text}.\n\n{_FOLDERS}",
            epilog=_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=part.run)
        part.add_arguments(added)
    return parser


def _report_missing(frame: pandas.DataFrame) -> int:
    missing = frame[frame["state"] != "done"]
    if missing.empty:
        return 0
    sys.stdout.flush()
    print(f"{len(missing)} of {len(frame)} runs have no result:", file=sys.stderr)
    for name, reason, command in missing[["name", "reason", "command"]].itertuples(index=False):
        print(f"  {name}: {reason}", file=sys.stderr)
        print(f"    to fill it: {command or 'no command was recorded'}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    code = main()
    if "wandb" in sys.modules:
        # Its service goes on trying a server that fails, and an ordinary exit would wait for that.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
