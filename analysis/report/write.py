"""The folder: a first page, a page for every run, and the scripts that draw them, all in relative files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.files import make_folder, write_whole
from analysis.paper import paper_tables
from analysis.report import scripts
from analysis.report.charts import specifications
from analysis.report.contents import CHOICES, Contents, contents
from analysis.report.run_page import RunPage, run_page
from analysis.report.templating import template
from analysis.tables.cells import SYMBOLS
from analysis.tables.tables import cell_text, tradeoff_table

if TYPE_CHECKING:
    import pandas

Pair = tuple[str, str]

_STATES = ("done", "running", "queued", "interrupted", "failed", "missing", "unreadable")


def write_report(frame: pandas.DataFrame, folder: Path) -> Path:
    """Write the report on the runs of `frame` (from `collect`) and return its first page.

    Raises:
        InputError: `folder` cannot be written.
    """
    for each in (folder, folder / "pages", folder / "assets"):
        make_folder(each)
    found = contents(frame)
    charts = specifications(found.defenses, found.largest_lambda, found.symbols, found.units)
    pages = [run_page(run) for run in found.runs]
    common = {name: _common([getattr(page, name) for page in pages]) for name in ("settings", "environment")}
    write_whole(folder / "assets" / "vega.js", scripts.vega().encode())
    write_whole(folder / "assets" / "charts.js", scripts.charts(charts).encode())
    write_whole(folder / "assets" / "common.js", f"const COMMON = {json.dumps(common)};\n".encode())
    for name in ("report.css", "labels.js", "report.js"):
        write_whole(folder / "assets" / name, scripts.static(name).encode())
    for run, page in zip(found.runs, pages, strict=True):
        path = folder / run["page"]
        for finding in page.findings:
            for picture in finding.pictures:
                write_whole(folder / "pages" / picture.file(path.stem), picture.content)
        write_whole(path, _run_html(run, page, common, path.stem).encode())
    first = folder / "index.html"
    write_whole(first, _index_html(found, tradeoff_table(frame).units).encode())
    return first


def _index_html(found: Contents, units: str) -> str:
    states = Counter(run["state"] for run in found.runs)
    options = {
        key: list(dict.fromkeys(experiment.choices[key] for experiment in found.experiments)) for key in CHOICES
    }
    return template("index.html").render(
        found=found,
        states=[(state, states[state]) for state in _STATES if states[state]],
        choices=[(key, title, options[key]) for key, title in CHOICES.items()],
        symbols=SYMBOLS,
        cell_text=cell_text,
        units=units,
        papers=[
            (each.name, paper_tables.titles(each), paper_tables.rows(each), paper_tables.notes(each))
            for each in found.comparisons
        ]
        + [(name, [], [], [why]) for name, why in found.refused],
        data={
            "experiments": [each.choices for each in found.experiments],
            "first": found.first,
            "charts": found.charts,
        },
    )


def _run_html(run: dict[str, Any], page: RunPage, common: dict[str, list[Pair]], stem: str) -> str:
    own = {name: [pair for pair in getattr(page, name) if pair not in shared] for name, shared in common.items()}
    drawn = {curve.about.key: curve.points for finding in page.findings for curve in finding.curves}
    data = {"history": page.history, "curves": drawn}
    return template("run.html").render(
        run=run, page=page, own=own, data=data, source=lambda picture: picture.file(stem)
    )


def _common(pages: Sequence[Sequence[Pair]]) -> list[Pair]:
    """What every run has, in the order of the first: it is kept once, so that a report of many stays small."""
    first, *others = pages
    shared = set(first).intersection(*others)
    return [pair for pair in first if pair in shared]
