"""`python -m analysis`: tables and pictures from run directories."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from analysis.parts import PARTS
from hypo.command_line.streams import replace_what_cannot_be_shown
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas

_FOLDERS = """\
A folder may be an outputs folder, its runs folder, one of its sweeps/<id>, or
one run directory; copies on other machines and half-finished sweeps work, and
so do folders with nothing but what W&B recorded offline.

Exit code: 0 when every run has its result and the findings that it was asked for,
1 when some have not (each is listed on standard error with its reason and the
command that would fill it), 2 for wrong input.
"""
_PROGRAM = "python -m analysis"
_EXAMPLES = """\
examples:
  python -m analysis tables outputs                 the table as Markdown
  python -m analysis tables outputs -o table.tex    as LaTeX with booktabs
  python -m analysis tables outputs --paper tao2022/table10
                                                    beside the published numbers
  python -m analysis tables outputs --only recipe.epochs=110
                                                    of these runs alone, as in every part
  python -m analysis runs outputs -o runs.parquet   one row a run, every setting and metric
  python -m analysis curves outputs                 outputs/tradeoff.png, .pdf, .svg
  python -m analysis curves outputs/sweeps/<id> -o figures
  python -m analysis curves outputs --of targeted.moved
                                                    what a measurement found over a variable
  python -m analysis pareto outputs                 which λ are not dominated
  python -m analysis compare thrm trades outputs    at every λ that both have
  python -m analysis searches outputs               what each search added, and its cost
  python -m analysis targeted outputs               outputs/targeted.csv, .png, .pdf, .svg
  python -m analysis transfer outputs --only dataset=mnist
                                                    outputs/transfer.csv and two heat maps
  python -m analysis figure tao2022/figure3 outputs outputs/tao2022-figure3.png, .pdf, .svg
  python -m analysis report outputs -o report       report/index.html, to look at in a browser
  python -m analysis audit outputs/runs/<run>       outputs/runs/<run>/audit.html, all in one file
  python -m analysis wandb --sync outputs           to W&B what is not yet there
  python -m analysis wandb --project me/hypo        a workspace and a report there
  python -m analysis examples outputs/runs/<run>    outputs/runs/<run>/examples.png
  python -m analysis examples RUN RUN --examples 422,4503
                                                    outputs/examples.png, a row of pictures a run
  python -m analysis samples outputs/runs/<run>     outputs/runs/<run>/samples.png
  python -m analysis toy example1 -o toys           toys/toy-example1.csv, .png, .pdf, .svg
"""


_PARTS = "\n".join(f"  {name:<10}{part.text}" for name, part in PARTS.items())


class _Parser(argparse.ArgumentParser):
    """Wrong input is one line, as everywhere else."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (--help shows what it takes)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command and return the exit code: 0 complete, 1 with missing runs, 2 for wrong input."""
    replace_what_cannot_be_shown()
    name, typed = _chosen(arguments)
    part = PARTS[name]
    parser = _parser(f"{_PROGRAM} {name}", f"{part.text}.")
    part.add_arguments(parser)
    options = parser.parse_intermixed_args(typed)  # folders may stand between the options
    try:
        frame = part.run(options)
    except InputError as error:
        print(f"{_PROGRAM}: {error}", file=sys.stderr)
        return 2
    return 0 if frame is None else _report_missing(frame)


def _chosen(arguments: Sequence[str] | None) -> tuple[str, list[str]]:
    """The part that was typed, and what was typed after it."""
    parser = _parser(_PROGRAM, f"Tables and pictures from runs. A part is one of\n\n{_PARTS}")
    parser.add_argument("part", metavar="PART", choices=PARTS, help=f"PART --help says more: {', '.join(PARTS)}")
    parser.add_argument("typed", nargs=argparse.REMAINDER, metavar="...", help="what that part takes")
    chosen = parser.parse_args(arguments)
    return chosen.part, chosen.typed


def _parser(program: str, text: str) -> argparse.ArgumentParser:
    return _Parser(
        program,
        description=f"{text}\n\n{_FOLDERS}",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _report_missing(frame: pandas.DataFrame) -> int:
    done = frame["state"] == "done"
    lacking = done & (frame["reason"] != "")  # a finding that their config asks for
    sys.stdout.flush()
    for text, missing in (("have no result", frame[~done]), ("lack a finding", frame[lacking])):
        if len(missing):
            print(f"{len(missing)} of {len(frame)} runs {text}:", file=sys.stderr)
        for name, reason, command in missing[["name", "reason", "command"]].itertuples(index=False):
            print(f"  {name}: {reason}", file=sys.stderr)
            print(f"    to fill it: {command or 'no command was recorded'}", file=sys.stderr)
    return int((~done | lacking).any())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        tempfile.tempdir = scratch  # wandb leaves folders behind when the interpreter is not taken apart
        try:
            code = main()
            sys.stdout.flush()
        except BrokenPipeError:  # whoever reads has seen enough; what is left to print goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 128 + signal.SIGPIPE
    if "wandb" in sys.modules:
        # Its service goes on trying a server that fails, and an ordinary exit would wait for that.
        os._exit(code)
    sys.exit(code)
