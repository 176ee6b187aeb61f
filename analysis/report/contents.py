"""What the report says, as plain data: experiments with their cells and runs, and the paper beside them."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analysis.paper import published
from analysis.paper.beside_paper import Comparison, beside_paper
from analysis.reading.columns import METRICS, ends
from analysis.reading.findings import Quantity, marked, quantities, warnings
from analysis.tables.cells import SYMBOLS, Block, Cell, blocks, unplaced
from analysis.tables.lines import labels, units
from analysis.tables.records import number
from analysis.tables.tables import cell_text
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas

CHOICES = {
    "dataset": "data set",
    "training_data": "training data",
    "arch": "architecture",
    "norm": "norm",
    "epsilon": "ε",
    "others": "other settings",
}
"""By what an experiment is chosen, and how the page calls it."""


@dataclass(frozen=True)
class Experiment:
    """One block of `cells.blocks`, with a value for each of CHOICES."""

    block: Block
    choices: dict[str, str]


@dataclass(frozen=True)
class Contents:
    """Everything on the first page.

    Attributes:
        charts: the data sets of the charts by name, lists of records; percent.
        runs: one record a run, done or not, with the page that it has.
        comparisons: every published table that has a row of which we have runs, cut to these rows.
        refused: the names of those where runs that differ would be averaged, and why.
        labels: what can be drawn against natural risk or λ: the metrics, and the findings' shares and numbers.
        units: by name of those that are not in percent.
        besides: the shares and numbers that any run has.
    """

    experiments: tuple[Experiment, ...]
    charts: dict[str, list[dict[str, Any]]]
    runs: tuple[dict[str, Any], ...]
    comparisons: tuple[Comparison, ...]
    refused: tuple[tuple[str, str], ...]
    unplaced: tuple[str, ...]
    labels: dict[str, str]
    units: dict[str, str]
    besides: dict[str, Quantity]

    @property
    def symbols(self) -> dict[str, str]:
        """How each metric, share and number is printed."""
        known = {**{name: name for name in METRICS}, "R_sta_minus": "R_sta⁻", **SYMBOLS}
        return known | {name: found.symbol for name, found in self.besides.items()}

    @property
    def defenses(self) -> list[str]:
        """Every method that has a cell, as it is called there, or a published line."""
        return list(dict.fromkeys(row["defense"] for name in ("cells", "published") for row in self.charts[name]))

    @property
    def largest_lambda(self) -> float:
        """Of all methods; 0 where none has a λ."""
        weights = [row["lambda_value"] for name in ("cells", "published") for row in self.charts[name]]
        return max((weight for weight in weights if weight is not None), default=0.0)

    @property
    def first(self) -> int:
        """The experiment to open with, which has the most cells."""
        cells = [len(experiment.block.cells) for experiment in self.experiments]
        return cells.index(max(cells)) if cells else 0

    @property
    def missing(self) -> list[dict[str, Any]]:
        """The runs without a result, or without a finding that they were asked for."""
        return [run for run in self.runs if run["reason"]]


def contents(frame: pandas.DataFrame) -> Contents:
    """What the report says about the runs of `frame` (from `collect`)."""
    experiments = tuple(_experiment(block) for block in blocks(frame))
    of_findings = quantities(frame["findings"])
    measured = (*METRICS, *of_findings)
    runs = records(frame)
    by_directory = {run["directory"]: run for run in runs}
    charts: dict[str, list[dict[str, Any]]] = {"cells": [], "runs": [], "published": []}
    for at, experiment in enumerate(experiments):
        for cell in experiment.block.cells:
            where = {"experiment": at, "defense": cell.defense, "lambda": cell.lambda_}
            where["lambda_value"] = number(cell.lambda_value)
            charts["cells"].append({**where, "n": cell.seeds, **_metrics(cell, measured)})
            for directory in cell.done:
                run = by_directory[directory]
                run["experiment"], run["label"] = at, cell.defense
                shown = {key: run[key] for key in ("seed", "run_id", "page", *measured)}
                charts["runs"].append({**where, **shown})
        charts["published"] += _published(at, experiment.block, frame)
    compared, refused = _comparisons(frame)
    lost, named, apart = tuple(unplaced(frame)), labels(frame), units(frame)
    return Contents(experiments, charts, runs, tuple(compared), tuple(refused), lost, named, apart, of_findings)


def records(frame: pandas.DataFrame) -> tuple[dict[str, Any], ...]:
    """A record for every run of `frame` (from `collect`): its row in percent, and the name of its page."""
    of_findings = quantities(frame["findings"])
    return tuple(_run(index, row, of_findings) for index, row in enumerate(frame.to_dict("records")))


def _experiment(block: Block) -> Experiment:
    settings = {key: block.settings[key] for key in CHOICES if key != "others"}
    return Experiment(block, {**settings, "others": block.others or "—"})


def _run(index: int, row: Mapping[Hashable, Any], of_findings: Mapping[str, Quantity]) -> dict[str, Any]:
    """A row of `collect`, metrics, shares and the ends of their intervals in percent, and the name of its page."""
    # A run id comes from a file: only a plain one names another file.
    page = row["run_id"] if re.fullmatch(r"\w{1,64}", row["run_id"]) else f"run-{index}"
    metrics = {column: number(100 * row[column]) for name in METRICS for column in ends(name)}
    for found in of_findings.values():
        metrics |= {column: number(found.factor * row[column], found.unit) for column in found.columns}
    seed = None if row["seed"] is None or row["seed"] != row["seed"] else int(row["seed"])
    return {
        **{str(key): value for key, value in row.items()},
        **metrics,
        "seed": seed,
        "label": row["defense"],
        "shown_state": marked(row["state"], warnings([row["findings"]])),
        "page": f"pages/{page}.html",
    }


def _metrics(cell: Cell, measured: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in measured:
        estimate = cell.estimates[name]
        mean = number(estimate.mean, estimate.unit)
        std = 0.0 if math.isnan(estimate.std) else estimate.std
        found |= {name: mean, f"{name}_shown": cell_text(cell, name)}
        if mean is not None:
            ends_of_bar = {f"{name}_low": mean - std, f"{name}_high": mean + std}
            found |= {key: number(end, estimate.unit) for key, end in ends_of_bar.items()}
    return found


def _published(at: int, block: Block, frame: pandas.DataFrame) -> list[dict[str, Any]]:
    """The published points of every table that describes this experiment, whichever of its λ we have."""
    ours = frame[frame["settings"] == block.settings["settings"]].to_dict("records")
    found = []
    for name in published.names():
        rows = [row for row in published.table(name) if row.setting["lambda"]]
        places = {row.place for row in rows if any(row.matches(run) for run in ours)}
        for row in rows:
            if row.place in places:
                where = {"experiment": at, "defense": row.setting["defense"], "table": name}
                found.append({**where, "lambda_value": float(row.setting["lambda"]), **row.means})
    return found


def _comparisons(frame: pandas.DataFrame) -> tuple[list[Comparison], list[tuple[str, str]]]:
    found: list[Comparison] = []
    refused: list[tuple[str, str]] = []
    for name in published.names():
        try:
            comparison = beside_paper(frame, name)
        except InputError as error:
            refused.append((name, str(error)))
            continue
        if rows := tuple(row for row in comparison.rows if row.done):
            found.append(replace(comparison, rows=rows))
    return found, refused
