"""The parts of `python -m analysis`: what each takes, and what it does."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import destinations
from analysis.audit import part as audit_part
from analysis.curves import curve_parts, picture_parts, targeted
from analysis.files import write_whole
from analysis.paper import paper_tables
from analysis.paper.beside_paper import beside_paper
from analysis.paper.paper_holes import with_holes
from analysis.reading import selection
from analysis.reading.collect import collect
from analysis.tables import comparison_text, pareto_text, pivot, runs, searches, tables
from analysis.tables.cells import SYMBOLS
from analysis.tables.compare import compare
from analysis.tables.pareto import fronts
from analysis.toys import toy
from analysis.transfer import part as transfer_part
from analysis.wandb import part as wandb_part
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas


def _add_folders(part: argparse.ArgumentParser) -> None:
    part.add_argument("folders", nargs="*", default=[], type=Path, help="where runs lie (default: outputs)")
    part.add_argument("--from-wandb", metavar="ENTITY/PROJECT", help="the runs of a W&B project, too or instead")
    selection.add_option(part)


def _for_text(formats: Collection[str]) -> Callable[[argparse.ArgumentParser], None]:
    """What a part takes that writes one file, or to standard output, in one of `formats`."""

    def add(part: argparse.ArgumentParser) -> None:
        first, *_ = formats
        _add_folders(part)
        part.add_argument("--format", choices=tuple(formats), help=f"default: by FILE's suffix, else {first}")
        destinations.add_output(part, "FILE", "ends in the format's suffix (default: print)")

    return add


def _for_tables(part: argparse.ArgumentParser) -> None:
    _for_text(tables.FORMATS)(part)
    text = (
        "beside the published numbers of TABLE, such as tao2022/table10, or smoke/tao2022/table10 for a rehearsal"
    )
    part.add_argument("--paper", metavar="TABLE", help=text)
    text = "settings for either side instead, such as --rows defense,lambda --columns dataset,arch.width"
    part.add_argument("--rows", metavar="KEYS", default="", help=text)
    part.add_argument("--columns", metavar="KEYS", default="", help="see --rows")
    metrics = ",".join(SYMBOLS)
    part.add_argument("--metrics", metavar="NAMES", help=f"metrics, shares or numbers in it (default: {metrics})")


def _for_compare(part: argparse.ArgumentParser) -> None:
    part.add_argument("first", metavar="FIRST", help="a defense, such as thrm, or a defense at one λ, thrm:10")
    part.add_argument("second", metavar="SECOND", help="what it is compared with")
    _for_text(comparison_text.FORMATS)(part)


def _for_figures(part: argparse.ArgumentParser) -> None:
    _add_folders(part)
    destinations.add_output(part, "DIR", "default: the first folder, or the outputs above it")


def _for_curves(part: argparse.ArgumentParser) -> None:
    _for_figures(part)
    curve_parts.add_arguments(part)


def _for_paper_figure(part: argparse.ArgumentParser) -> None:
    part.add_argument("figure", metavar="FIGURE", help="as the paper draws it, such as tao2022/figure3")
    _for_figures(part)


def _for_report(part: argparse.ArgumentParser) -> None:
    _add_folders(part)
    destinations.add_output(part, "DIR", "default: report in the first folder, or in the outputs above it")


def _texts(
    formats: Mapping[str, Callable[[Any], str | bytes]],
    find: Callable[[pandas.DataFrame, argparse.Namespace], Any] = lambda frame, options: frame,
) -> Callable[[argparse.Namespace], pandas.DataFrame]:
    """A part that writes what `find` makes of the runs, by that one of `formats` that is asked for."""

    def run(options: argparse.Namespace) -> pandas.DataFrame:
        form = destinations.chosen_format(options, formats)
        frame = _runs(options)
        destinations.write(formats[form](find(frame, options)), options.output)
        return frame

    return run


def _runs(options: argparse.Namespace) -> pandas.DataFrame:
    return selection.chosen(collect(destinations.folders(options), options.from_wandb), options.only)


def _tables(options: argparse.Namespace) -> pandas.DataFrame:
    rows, columns = _names(options.rows), _names(options.columns)
    if options.metrics is not None and not (rows or columns):
        raise InputError("--metrics: goes with --rows or --columns, which are missing")
    if options.paper is not None:
        if rows or columns:
            raise InputError("--paper: has rows and columns of its own, leave out --rows and --columns")
        frame = _texts(paper_tables.FORMATS, lambda frame, _: beside_paper(frame, options.paper))(options)
        return with_holes(frame, options.paper)
    if rows or columns:
        metrics = list(SYMBOLS) if options.metrics is None else _names(options.metrics)
        return _texts(pivot.FORMATS, lambda frame, _: pivot.pivot(frame, rows, columns, metrics))(options)
    return _texts(tables.FORMATS, lambda frame, _: tables.tradeoff_table(frame))(options)


def _names(typed: str) -> list[str]:
    """Those between the commas, each once."""
    return list(dict.fromkeys(name.strip() for name in typed.split(",") if name.strip()))


def _curves(options: argparse.Namespace) -> pandas.DataFrame:
    frame = _runs(options)
    figure, name = curve_parts.draw(frame, options)
    destinations.save_figure(figure, destinations.figure_folder(options), name)
    return frame


def _targeted(options: argparse.Namespace) -> pandas.DataFrame:
    frame = _runs(options)
    rates = targeted.targeted_rates(frame)
    folder = destinations.figure_folder(options)
    path = folder / "targeted.csv"
    write_whole(path, rates.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
    print(path)
    destinations.save_figure(targeted.figure(rates), folder, "targeted")
    return frame


def _paper_figure(options: argparse.Namespace) -> pandas.DataFrame:
    from analysis.curves.figures.paper_figures import paper_figure

    drawn, runs = paper_figure(_runs(options), options.figure)
    destinations.save_figure(drawn, destinations.figure_folder(options), options.figure.replace("/", "-"))
    return runs


def _report(options: argparse.Namespace) -> pandas.DataFrame:
    from analysis.report.write import write_report

    frame = _runs(options)
    print(write_report(frame, options.output or destinations.home(options) / "report"))
    return frame


@dataclass(frozen=True)
class Part:
    """One sub-command.

    Attributes:
        run: does it, and returns the runs that it looked at, if those that have no result are to be listed.
        add_arguments: says what it takes.
        text: what it is, in a line.
    """

    run: Callable[[argparse.Namespace], pandas.DataFrame | None]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    text: str


_RUNS = "one row a run: settings, metrics and findings, shares as fractions in [0, 1] with 95 % intervals"
_SEARCHES = _texts(searches.FORMATS, lambda frame, _: searches.searched(frame))
_PARETO = _texts(pareto_text.FORMATS, lambda frame, _: fronts(frame))
_COMPARE = _texts(comparison_text.FORMATS, lambda frame, options: compare(frame, options.first, options.second))

PARTS: dict[str, Part] = {
    "tables": Part(_tables, _for_tables, "D, A, F and the risks in percent, defense by λ, mean ± std over seeds"),
    "runs": Part(_texts(runs.FORMATS), _for_text(runs.FORMATS), _RUNS),
    "curves": Part(_curves, _for_curves, "natural against hypocritical risk over λ; --of draws a finding's curve"),
    "pareto": Part(
        _PARETO,
        _for_text(pareto_text.FORMATS),
        "which λ are not dominated, how low each front lies, where they cross",
    ),
    "compare": Part(_COMPARE, _for_compare, "two methods, cell by cell: over seeds and on single examples"),
    "searches": Part(
        _SEARCHES,
        _for_text(searches.FORMATS),
        "what each search of an evaluation added to those before it, and its cost in passes",
    ),
    "targeted": Part(_targeted, _for_figures, "which class mistakes can be turned into (measurement=[targeted])"),
    "transfer": Part(transfer_part.run, transfer_part.add_arguments, transfer_part.TEXT),
    "figure": Part(
        _paper_figure, _for_paper_figure, "a figure of the paper as it draws it, ours and what was published"
    ),
    "report": Part(_report, _for_report, "a folder of pages to look at in a browser, without a network"),
    "audit": Part(audit_part.run, audit_part.add_arguments, audit_part.TEXT),
    "wandb": Part(
        wandb_part.run,
        wandb_part.add_arguments,
        "a W&B workspace and report on the trade-off; --sync uploads runs",
    ),
    "examples": Part(
        picture_parts.run_examples,
        picture_parts.add_examples_arguments,
        "pictures of mistakes that a false friend hides, of one run or of several beside each other",
    ),
    "samples": Part(
        picture_parts.run_samples,
        picture_parts.add_samples_arguments,
        "what models were trained on: training images as they are, and as they were crafted",
    ),
    "toy": Part(toy.run, toy.add_arguments, "a problem with known risks: formulas beside sampling; needs no runs"),
}
