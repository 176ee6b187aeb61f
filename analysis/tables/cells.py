"""Runs to cells: what the seeds of one setting say together, and what is missing of them.

A block is one experiment (data set, arch, norm, ε, training data and every other setting outside the
defense), a cell one defense at one λ in it. Only the seeds of one cell are ever averaged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.reading.columns import METRICS
from analysis.reading.findings import MARK, Number, Quantity, marked, quantities, warnings
from analysis.tables import headings
from analysis.tables.trend import trend

if TYPE_CHECKING:
    import pandas

SYMBOLS = {
    "D": "D",
    "A": "A",
    "F": "F",
    "R_nat": "R_nat",
    "R_adv_plus": "R_adv⁺",
    "R_hyp_minus": "R_hyp⁻",
}
"""The metrics of Table 10 of Tao et al. (2022), in its order, as they are printed."""

NORMS = {"linf": "ℓ∞", "l2": "ℓ2"}
"""Norms as they are printed."""

_EXPERIMENT = ["dataset", "training_data", "arch", "norm", "epsilon", "settings"]
_FIRST = ("none", "standard", "pgd_at")
_UNDEFINED = {
    "R_adv_plus": "no test example is classified correctly",
    "R_hyp_minus": "no test example is misclassified",
}


@dataclass(frozen=True)
class Estimate:
    """Mean and sample standard deviation (ddof = 1) over `n` seeds, in `unit`: percent, or a number's own.

    The mean is NaN at n = 0, the deviation at n < 2.
    """

    mean: float
    std: float
    n: int
    unit: str = "percent"


@dataclass(frozen=True)
class Cell:
    """One defense at one λ.

    Attributes:
        defense: its name, followed by the defense's settings where one block has the defense with several.
        lambda_: as typed, "" for a defense that takes none; lambda_value is then NaN.
        done: the run directories of the seeds that have a result.
        runs: how many seeds there are.
        estimates: one for every metric of `collect`, and for every share and number that a finding of any run has.
        notes: one line for every hole and its reason, and for every warning.
        warnings: what findings of its runs warn of, each with the seeds.
    """

    defense: str
    lambda_: str
    lambda_value: float
    done: tuple[str, ...]
    runs: int
    estimates: dict[str, Estimate]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def seeds(self) -> str:
        """How many are done: 5, or "3 of 5" when some are missing; marked where there is a warning."""
        done = len(self.done)
        return marked(str(done) if done == self.runs else f"{done} of {self.runs}", self.warnings)


@dataclass(frozen=True)
class Block:
    """One experiment: its heading, its settings (the columns of `collect`) and its cells in printed order.

    `heading_but_epsilon` is the same for experiments that differ in ε alone. `others` says what other settings set
    it apart from experiments with the same heading, "" where none does. `trends` has a line for every defense
    with several λ and seeds: what λ does, and how sure that is. `besides` are the shares and numbers that findings
    of its runs have, by name. `searched` says what each search decided, where there are several.
    """

    heading: str
    heading_but_epsilon: str
    others: str
    epsilon_value: float
    settings: dict[str, str]
    cells: tuple[Cell, ...]
    trends: tuple[str, ...]
    besides: Mapping[str, Quantity]
    searched: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all cells."""
        return tuple(note for cell in self.cells for note in cell.notes)


def blocks(frame: pandas.DataFrame) -> list[Block]:
    """The experiments in `frame` (from `collect`), in the order in which they come.

    Cells are sorted: `none`, `standard` and `pgd_at`, then the other defenses as they come, each by λ.
    """
    placed = one_spelling(frame[frame["settings"] != ""], "epsilon")
    measured = {**dict.fromkeys(METRICS), **quantities(frame["findings"])}
    found = []
    for _, alike in placed.groupby(_EXPERIMENT[:-1], sort=False):
        differences = headings.differences(alike, "settings")
        for settings, runs in alike.groupby("settings", sort=False):
            key = {name: str(runs[name].iloc[0]) for name in _EXPERIMENT}
            norm = NORMS.get(key["norm"], key["norm"])
            heading, but_epsilon = (
                ", ".join(filter(None, [headings.heading(key, threat), differences[settings]]))
                for threat in (f"{norm} ε = {key['epsilon']}", norm)
            )
            epsilon = float(runs["epsilon_value"].iloc[0])
            others = differences[settings]
            of_findings = quantities(runs["findings"])
            parts = _cells_and_trends(runs, measured)
            found.append(
                Block(heading, but_epsilon, others, epsilon, key, *parts, of_findings, headings.searched(runs))
            )
    return found


def unplaced(frame: pandas.DataFrame) -> list[str]:
    """A note for every run that belongs to no block, because its settings cannot be read."""
    lost = frame[frame["settings"] == ""]
    return [f"{name}: {reason}" for name, reason in zip(lost["name"], lost["reason"], strict=True)]


def one_spelling(frame: pandas.DataFrame, column: str) -> pandas.DataFrame:
    """6 and 6.0, or 1/2 and 0.5, are one cell: each value as it was first typed."""
    first = frame.groupby(f"{column}_value")[column].transform("first")
    return frame.assign(**{column: first.fillna(frame[column])})


def estimate(values: pandas.Series, quantity: Quantity | None = None) -> Estimate:
    """Of a column of `collect`, one value a seed; `quantity` where it is not a metric of every run."""
    shown = (100 if quantity is None else quantity.factor) * values
    unit = "percent" if quantity is None else quantity.unit
    return Estimate(float(shown.mean()), float(shown.std()), int(shown.count()), unit)


def _cells_and_trends(
    runs: pandas.DataFrame, measured: Mapping[str, Quantity | None]
) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    cells: list[Cell] = []
    trends: list[str | None] = []
    names = list(runs["defense"].unique())
    for name in sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST)):
        of_name = runs[runs["defense"] == name]
        differences = headings.differences(of_name, "defense_settings")
        for variant, of_variant in of_name.groupby("defense_settings", sort=False):
            label = f"{name} ({differences[variant]})" if differences[variant] else name
            by_lambda = one_spelling(of_variant, "lambda").groupby("lambda", sort=False)
            row = [_cell(label, seeds, measured) for _, seeds in by_lambda]
            cells += sorted(row, key=lambda cell: (not math.isnan(cell.lambda_value), cell.lambda_value))
            trends.append(trend(label, of_variant))
    return tuple(cells), tuple(line for line in trends if line is not None)


def _cell(label: str, runs: pandas.DataFrame, measured: Mapping[str, Quantity | None]) -> Cell:
    runs = runs.sort_values("seed", kind="stable")
    done = runs[runs["state"] == "done"]
    lambda_ = str(runs["lambda"].iloc[0])
    where = f"{label}, λ = {lambda_}" if lambda_ else label
    estimates, notes = {}, []
    for reason, missing in runs[runs["reason"] != ""].groupby("reason", sort=False):
        notes.append(f"{where}, {_seeds(missing)}: {reason}")
    for metric, quantity in measured.items():
        estimates[metric] = estimate(done[metric], quantity)
        undefined = done[done[metric].isna()]
        if metric in SYMBOLS and len(undefined):
            why = _UNDEFINED.get(metric, "the result has none")
            notes.append(f"{where}, {_seeds(undefined)}: {SYMBOLS[metric]} is undefined, {why}")
    for name, quantity in quantities(done["findings"]).items():
        has = done["findings"].map(lambda found, key=quantity.finding: key in found)
        undefined = done[done[name].isna() & has]
        if len(undefined):
            why = "unknown" if isinstance(quantity, Number) else "undefined, it is a share of no example"
            notes.append(f"{where}, {_seeds(undefined)}: {quantity.symbol} is {why}")
    warned = tuple(
        f"{MARK} {where}, seed {seed}: {text}"
        for seed, found in zip(done["seed"], done["findings"], strict=True)
        for text in warnings([found])
    )
    notes += warned
    notes += [f"{where}: {key} was measured with different settings" for key in differing(done["findings"])]
    twice = done[done["seed"].duplicated(keep=False)]
    if len(twice):
        # The run ids differ by what config.yaml does not show, such as the images in a folder.
        run_ids = ", ".join(twice["run_id"])
        notes.append(f"{where}, {_seeds(twice)}: more than one run of a seed is averaged: {run_ids}")
    return Cell(
        defense=label,
        lambda_=lambda_,
        lambda_value=float(runs["lambda_value"].iloc[0]),
        done=tuple(done["directory"]),
        runs=len(runs),
        estimates=estimates,
        notes=tuple(notes),
        warnings=warned,
    )


def differing(of_runs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The measurements that were not set the same in all the runs that have their finding."""
    settings: dict[str, set[str]] = {}
    for findings in of_runs:
        for key, finding in findings.items():
            settings.setdefault(key, set()).add(json.dumps(finding["settings"], sort_keys=True))
    return (key for key, different in settings.items() if len(different) > 1)


def _seeds(runs: pandas.DataFrame) -> str:
    seeds = [str(seed) for seed in runs["seed"].unique()]
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}"
