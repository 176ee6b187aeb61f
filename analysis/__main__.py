"""`python -m analysis`: tables and pictures from run directories."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis import comparison_text, curves, paper_tables, pareto_text, tables, targeted
from analysis.beside_paper import beside_paper
from analysis.collect import collect
from analysis.compare import compare
from analysis.drawing import FILE_TYPES, save
from analysis.files import write_whole
from analysis.pareto import fronts
from hypo.errors import InputError
from hypo.streams import replace_what_cannot_be_shown

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

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
  python -m analysis tables outputs --paper tao2022/table10
                                                    beside the published numbers
  python -m analysis curves outputs                 outputs/tradeoff.png, .pdf, .svg
  python -m analysis curves outputs/sweeps/<id> -o figures
  python -m analysis pareto outputs                 which λ are not dominated
  python -m analysis compare thrm trades outputs    at every λ that both have
  python -m analysis targeted outputs               outputs/targeted.csv, .png, .pdf, .svg
  python -m analysis examples outputs/runs/<run>    outputs/runs/<run>/examples.png
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command and return the exit code: 0 complete, 1 with missing runs, 2 for wrong input."""
    replace_what_cannot_be_shown()
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except InputError as error:
        print(f"python -m analysis: {error}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m analysis",
        description=f"Tables and pictures from run directories.\n\n{_FOLDERS}",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(required=True, metavar="|".join(_PARTS))
    for name, (run, add_arguments, text) in _PARTS.items():
        part = parts.add_parser(
            name,
            help=text,
            description=f"{text}.\n\n{_FOLDERS}",
            epilog=_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        part.set_defaults(run=run)
        add_arguments(part)
    return parser


def _add_folders(part: argparse.ArgumentParser) -> None:
    home = [Path("outputs")]
    part.add_argument("folders", nargs="*", type=Path, default=home, help="where runs lie (default: outputs)")


def _add_output(part: argparse.ArgumentParser, metavar: str, text: str) -> None:
    part.add_argument("-o", dest="output", type=Path, metavar=metavar, help=text)


def _add_format(part: argparse.ArgumentParser, formats: Iterable[str]) -> None:
    part.add_argument("--format", choices=tuple(formats), help="default: by FILE's suffix, else md")
    _add_output(part, "FILE", "ends in the format's suffix (default: print)")


def _for_tables(part: argparse.ArgumentParser) -> None:
    _add_folders(part)
    _add_format(part, tables.FORMATS)
    text = "beside the published numbers of TABLE, such as tao2022/table10; what was never run is a hole"
    part.add_argument("--paper", metavar="TABLE", help=text)


def _for_pareto(part: argparse.ArgumentParser) -> None:
    _add_folders(part)
    _add_format(part, pareto_text.FORMATS)


def _for_compare(part: argparse.ArgumentParser) -> None:
    part.add_argument("first", metavar="FIRST", help="a defense, such as thrm, or a defense at one λ, thrm:10")
    part.add_argument("second", metavar="SECOND", help="what it is compared with")
    _add_folders(part)
    _add_format(part, comparison_text.FORMATS)


def _for_figures(part: argparse.ArgumentParser) -> None:
    _add_folders(part)
    _add_output(part, "DIR", "default: the first folder, or the outputs above it")


def _for_curves(part: argparse.ArgumentParser) -> None:
    _for_figures(part)
    part.add_argument("--paper", metavar="TABLE", help="draw a published table behind it, such as tao2022/table10")


def _for_examples(part: argparse.ArgumentParser) -> None:
    part.add_argument("directory", type=Path, metavar="RUN", help="one run directory")
    _add_output(part, "FILE", "default: RUN/examples.png")
    part.add_argument("--count", type=int, default=8, help="how many of each kind (default: 8)")


def _tables(options: argparse.Namespace) -> int:
    form = _format(options, tables.FORMATS)
    frame = collect(options.folders)
    if options.paper is None:
        text = tables.FORMATS[form](tables.tradeoff_table(frame))
    else:
        text = paper_tables.FORMATS[form](beside_paper(frame, options.paper))
    _write(text, options.output)
    return _report_missing(frame)


def _compare(options: argparse.Namespace) -> int:
    form = _format(options, comparison_text.FORMATS)
    frame = collect(options.folders)
    _write(comparison_text.FORMATS[form](compare(frame, options.first, options.second)), options.output)
    return _report_missing(frame)


def _curves(options: argparse.Namespace) -> int:
    frame = collect(options.folders)
    _save(curves.tradeoff_figure(frame, options.paper), _folder(options), "tradeoff")
    return _report_missing(frame)


def _pareto(options: argparse.Namespace) -> int:
    form = _format(options, pareto_text.FORMATS)
    frame = collect(options.folders)
    _write(pareto_text.FORMATS[form](fronts(frame)), options.output)
    return _report_missing(frame)


def _targeted(options: argparse.Namespace) -> int:
    frame = collect(options.folders)
    rates = targeted.targeted_rates(frame)
    folder = _folder(options)
    path = folder / "targeted.csv"
    write_whole(path, rates.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
    print(path)
    _save(targeted.figure(rates), folder, "targeted")
    return _report_missing(frame)


def _examples(options: argparse.Namespace) -> int:
    from analysis.examples import examples, figure

    if options.count < 1:
        raise InputError(f"--count: takes a whole number >= 1, got {options.count}")
    path = options.output or options.directory / "examples.png"
    save(figure(examples(options.directory, options.count)), path)
    print(path)
    return 0


_Part = tuple[Callable[[argparse.Namespace], int], Callable[[argparse.ArgumentParser], None], str]
_PARTS: dict[str, _Part] = {
    "tables": (_tables, _for_tables, "D, A, F and the risks in percent, defense by λ, mean ± std over seeds"),
    "curves": (_curves, _for_curves, "natural against hypocritical risk, one line a defense, λ at the points"),
    "pareto": (_pareto, _for_pareto, "which λ are not dominated, how low each front lies, where they cross"),
    "compare": (_compare, _for_compare, "two methods, cell by cell: over seeds and on single examples"),
    "targeted": (_targeted, _for_figures, "how many mistakes can be turned into each class (evaluation=targeted)"),
    "examples": (_examples, _for_examples, "pictures of mistakes that a false friend hides"),
}


def _format(options: argparse.Namespace, formats: Iterable[str]) -> str:
    """The format that was asked for, or that the file's suffix stands for."""
    if options.format:
        return str(options.format)
    suffixes = {".tex" if form == "latex" else f".{form}": form for form in formats}
    suffix = options.output.suffix.lower() if options.output else ".md"
    if suffix not in suffixes:
        *first, last = suffixes
        kinds = f"{', '.join(first)} or {last}"
        raise InputError(f"-o {options.output}: takes a file ending in {kinds}, or give --format")
    return suffixes[suffix]


def _write(text: str, output: Path | None) -> None:
    if output:
        write_whole(output, text.encode())
        print(output)
    else:
        print(text, end="")


def _folder(options: argparse.Namespace) -> Path:
    """Where figures go, made if it is missing."""
    folder: Path = options.output or _home(options.folders[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"-o {folder}: cannot be made a folder: {error.strerror}") from error
    return folder


def _home(folder: Path) -> Path:
    """Where the curves of `folder` go by default: itself, but never among the runs."""
    folder = folder.absolute()
    if folder.name == "runs":
        return folder.parent
    return folder.parent.parent if folder.parent.name == "runs" else folder


def _save(figure: Figure, folder: Path, name: str) -> None:
    for suffix in FILE_TYPES:
        path = folder / f"{name}{suffix}"
        save(figure, path)
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
