"""`python -m analysis`: tables and curves from run directories."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis import curves, tables
from analysis.collect import collect
from analysis.files import write_whole
from hypo.errors import InputError
from hypo.streams import replace_what_cannot_be_shown

if TYPE_CHECKING:
    import pandas

_FOLDERS = """\
A folder may be an outputs folder, its runs folder, one of its sweeps/<id>, or
one run directory; copies on other machines and half-finished sweeps work.

Exit code: 0 when every run has its result, 1 when some have not (each is listed
on standard error with its reason and the command that would fill it), 2 for
wrong input.
"""
_EXAMPLES = """\
examples:
  python -m analysis tables outputs                 the table as Markdown
  python -m analysis tables outputs -o table.tex    as LaTeX with booktabs
  python -m analysis curves outputs                 outputs/tradeoff.png, .pdf, .svg
  python -m analysis curves outputs/sweeps/<id> -o figures
"""
_FORMAT_OF_SUFFIX = {".md": "md", ".csv": "csv", ".tex": "latex"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command and return the exit code: 0 complete, 1 with missing runs, 2 for wrong input."""
    replace_what_cannot_be_shown()
    options = _parser().parse_args(arguments)
    try:
        frame = collect(options.folders)
        if options.part == "tables":
            _tables(frame, options.format, options.output)
        else:
            _curves(frame, options.output or _home(options.folders[0]))
    except InputError as error:
        print(f"python -m analysis: {error}", file=sys.stderr)
        return 2
    return _report_missing(frame)


def _parser() -> argparse.ArgumentParser:
    keep_lines = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m analysis",
        description=f"Tables and curves from run directories.\n\n{_FOLDERS}",
        epilog=_EXAMPLES,
        formatter_class=keep_lines,
    )
    parts = parser.add_subparsers(dest="part", required=True, metavar="tables|curves")
    for name, text in (
        ("tables", "D, A, F and the risks in percent, defense by λ, mean ± std over seeds"),
        ("curves", "natural risk against hypocritical risk, one line a defense, λ at the points"),
    ):
        part = parts.add_parser(
            name,
            help=text,
            description=f"{text}.\n\n{_FOLDERS}",
            epilog=_EXAMPLES,
            formatter_class=keep_lines,
        )
        part.add_argument(
            "folders",
            nargs="*",
            type=Path,
            default=[Path("outputs")],
            help="where runs lie (default: outputs)",
        )
        if name == "tables":
            part.add_argument("--format", choices=tables.FORMATS, help="default: by FILE's suffix, else md")
            part.add_argument(
                "-o", dest="output", type=Path, metavar="FILE", help=".md, .csv or .tex (default: print)"
            )
        else:
            part.add_argument(
                "-o",
                dest="output",
                type=Path,
                metavar="DIR",
                help="default: the first folder, or the outputs above it",
            )
    return parser


def _home(folder: Path) -> Path:
    """Where the curves of `folder` go by default: itself, but never among the runs."""
    folder = folder.absolute()
    if folder.name == "runs":
        return folder.parent
    return folder.parent.parent if folder.parent.name == "runs" else folder


def _tables(frame: pandas.DataFrame, form: str | None, output: Path | None) -> None:
    suffix = output.suffix.lower() if output else ".md"
    form = form or _FORMAT_OF_SUFFIX.get(suffix)
    if form is None:
        raise InputError(f"-o {output}: takes a file ending in .md, .csv or .tex, or give --format")
    text = tables.FORMATS[form](tables.tradeoff_table(frame))
    if output:
        write_whole(output, text.encode())
        print(output)
    else:
        print(text, end="")


def _curves(frame: pandas.DataFrame, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"-o {folder}: cannot be made a folder: {error.strerror}") from error
    figure = curves.tradeoff_figure(frame)
    for suffix in (".png", ".pdf", ".svg"):
        path = folder / f"tradeoff{suffix}"
        curves.save(figure, path)
        print(path)


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
    sys.exit(main())
