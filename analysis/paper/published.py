"""The published numbers (analysis/paper/reference), and which of our runs each of them can be compared with."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from analysis.paper.sources.ilyas2019 import ILYAS2019
from analysis.paper.sources.lecture import LECTURE
from analysis.paper.sources.source import Setting, Source
from analysis.paper.sources.tao2020 import TAO2020
from analysis.paper.sources.tao2022 import TAO2022
from hypo.settings import checks
from hypo.settings.errors import InputError

SOURCES: Mapping[str, Source] = {
    "tao2022": TAO2022,
    "tao2020": TAO2020,
    "ilyas2019": ILYAS2019,
    "lecture": LECTURE,
}

_REFERENCE = Path(__file__).parent / "reference"
_TRIAL = " trial "  # of a table that has its trials one by one


@dataclass(frozen=True)
class Figure:
    """A published mean with the decimals that are printed of it, and its std where there is one; percent.

    `n` is how many runs they are over.
    """

    mean: float
    std: float | None
    decimals: int = 2
    n: int = 5


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table: the experiment by the columns of the file, and its figures by attack and metric.

    A figure is None where the table has one that is not in the text.
    """

    source: str
    setting: Setting
    figures: dict[tuple[str, str], Figure | None] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, ...]:
        """The experiment that it is in: everything but the defense and its λ."""
        return tuple(text for key, text in self.setting.items() if key not in ("defense", "lambda"))

    @property
    def means(self) -> dict[str, float]:
        """By metric, with the risks that follow; those that the table has of several attacks are left out.

        R_nat = 1 − D, R_adv = 1 − A and R_hyp = F are definitions, R_hyp⁻ = (F − D) / (1 − D) is Theorem 4.4. What
        the table has itself stays as it is there.
        """
        there = {key: figure.mean for key, figure in self.figures.items() if figure}
        metrics = [metric for _, metric in there]
        found = {metric: mean for (_, metric), mean in there.items() if metrics.count(metric) == 1}
        D, A, F = (found.get(metric, math.nan) for metric in ("D", "A", "F"))
        hidden = 100 * (F - D) / (100 - D) if D < 100 else math.nan
        derived = {"R_nat": 100 - D, "R_adv": 100 - A, "R_hyp": F, "R_hyp_minus": hidden}
        return {**{metric: round(x, 6) for metric, x in derived.items() if not math.isnan(x)}, **found}

    def matches(self, run: Mapping[str, Any]) -> bool:
        """Whether `run` (a row of `collect`) is this experiment, whatever its evaluation and its recipe."""
        source, setting = SOURCES[self.source], self.setting
        arch, size = source.archs.get(setting["arch"], (run["arch"], {}))
        return (
            self.has_method(run)
            and source.datasets.get(run["dataset"]) == setting["dataset"]
            and run["arch"] == arch
            and _has(run, size)
            and self.has_radius(run)
        )

    def has_radius(self, run: Mapping[str, Any]) -> bool:
        """Whether `run` has this row's ε."""
        return _is(run["epsilon_value"], self.setting["eps"])

    def is_rehearsed_by(self, run: Mapping[str, Any]) -> bool:
        """Whether a run on the digits is this experiment in small, whatever data set they stand for."""
        archs = SOURCES[self.source].archs
        arch, size = archs[self.setting["arch"]]
        one_of_many = [option for option, _ in archs.values()].count(arch) > 1
        of_arch = run["arch"] in (arch, self.setting["arch"]) and (not one_of_many or _has(run, size))
        return run["dataset"] == "digits" and of_arch and self.has_method(run)

    def has_method(self, run: Mapping[str, Any]) -> bool:
        """Whether `run` has this row's norm, training data, defense and λ."""
        keys = {"norm": "norm", "training_data": "data", "defense": "defense"}
        same = all(run[key] == self.setting[column] for key, column in keys.items())
        return same and _is(run["lambda_value"], self.setting["lambda"])


def _has(run: Mapping[str, Any], size: Mapping[str, str]) -> bool:
    """Whether `run` has the settings that make its architecture a published one."""
    return all(str(run.get(key)) == value for key, value in size.items())


def _is(value: float, published: str) -> bool:
    """Whether `value` is the number that the file has, if it has one."""
    return not published or abs(value - checks.number("", published)) < 1e-9


def source_of(name: str) -> Source:
    """The source of a table or figure that there is."""
    return SOURCES[name.partition("/")[0]]


def names() -> list[str]:
    """What has numbers of its own, source by source: tables, and figures that a text says some of."""
    own = [f"{name}/{table}" for name, source in SOURCES.items() for table in source.own]
    return [name for name in own if any(any(row.figures.values()) for row in table(name))]


def tables_of(name: str) -> tuple[str, ...]:
    """The tables that `name` is made of: table10, table11 and table12 of tao2022/figure4.

    Raises:
        InputError: when there is no such name, or none that runs could be compared with.
    """
    of, _, wanted = name.partition("/")
    if of not in SOURCES:
        raise InputError(f"--paper: takes one of {', '.join(f'{each}/TABLE' for each in SOURCES)}, got {name!r}")
    source = SOURCES[of]
    if wanted in source.toys:
        exact = f"{name} is a toy problem whose risks are computed exactly, no run is one of it"
        raise InputError(f"--paper: {exact}; python -m analysis toy {source.toys[wanted]} shows it")
    known = {**{own: (own,) for own in source.own}, **source.same}
    if wanted not in known:
        raise InputError(f"--paper: takes one of {', '.join(f'{of}/{each}' for each in known)}, got {name!r}")
    return known[wanted]


def table(name: str) -> list[PublishedRow]:
    """The rows of `name`, such as tao2022/table10 or tao2022/figure4, in the paper's order.

    Raises:
        InputError: as `tables_of`.
    """
    of, _, wanted = name.partition("/")
    only = SOURCES[of].training_data.get(wanted) if of in SOURCES else None
    rows = {
        tuple(row.setting.values()): row
        for one in tables_of(name)
        for row in rows_of(f"{of}/{one}")
        if only in (None, row.setting["data"])
    }
    return list(rows.values())


def rows_of(name: str) -> list[PublishedRow]:
    """The rows of what is made of no other: by its layout where it has one, else as the file has them."""
    of, _, one = name.partition("/")
    layout, seeds = SOURCES[of].layouts.get(one), SOURCES[of].seeds
    rows: dict[tuple[str, ...], PublishedRow] = {}
    if layout:
        for setting in layout.rows:
            rows[tuple(setting.values())] = PublishedRow(of, setting, dict.fromkeys(layout.columns))
    for line, values in _lines(of, one):
        setting = {key: line[key] for key in ("dataset", "arch", "norm", "eps", "data", "defense", "lambda")}
        figure = _figure(values, line["std"], seeds)
        if layout:
            for row in rows.values():
                row.figures.update(dict.fromkeys(_of_line(row, setting, line), figure))
        else:
            row = rows.setdefault(tuple(setting.values()), PublishedRow(of, setting))
            row.figures[line["attack"], line["metric"]] = figure
    return list(rows.values())


def _of_line(row: PublishedRow, setting: Setting, line: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The columns of `row` that a line is of; what it leaves open is so in any row, and "pgd" with any steps."""
    if all(text in ("", row.setting[key]) for key, text in setting.items()):
        for attack, metric in row.figures:
            if metric == line["metric"] and line["attack"] in (attack, attack.partition("-")[0]):
                yield attack, metric


def _figure(values: Sequence[str], std: str, seeds: int) -> Figure:
    """One mean as it is printed, or that of trials that are printed one by one."""
    decimals = len(values[0].partition(".")[2])
    if len(values) == 1:
        return Figure(float(values[0]), float(std) if std else None, decimals, seeds)
    trials = list(map(float, values))
    return Figure(statistics.mean(trials), statistics.stdev(trials), decimals, len(trials))


def curves(name: str, x: str = "R_nat", y: str = "R_hyp_minus") -> dict[str, list[tuple[float, float]]]:
    """Two metrics (percent), or λ and one, of table `name` in the order of λ, by what the table calls the line.

    That is the defense, the table, the data set and the architecture: a line is one experiment at several λ.

    Raises:
        InputError: when there is no such table, or it has no such line.
    """
    lines: dict[tuple[str, ...], list[tuple[float, float, float]]] = {}
    for row in table(name):
        if row.setting["lambda"]:
            values = {**row.means, "lambda": checks.number("lambda", row.setting["lambda"])}
            if {x, y} <= values.keys():
                point = (values["lambda"], values[x], values[y])
                lines.setdefault((row.setting["defense"], *row.place), []).append(point)
    found = {}
    for (defense, dataset, arch, *_), points in lines.items():
        if len(points) > 1:
            found[f"{defense}, {name} ({dataset}, {arch})"] = [point[1:] for point in sorted(points)]
    if not found:
        raise InputError(f"--paper: {name} has no curve of {y} against {x} over λ")
    return found


def _lines(of: str, one: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The lines of a table, with the means of all trials of each."""
    found: dict[tuple[str, ...], tuple[dict[str, str], list[str]]] = {}
    for line in _file(of):
        number, _, _ = line["table"].partition(_TRIAL)
        if one in (number, f"table{number}"):
            key = tuple(text for column, text in line.items() if column not in ("table", "mean", "std"))
            found.setdefault(key, (line, []))[1].append(line["mean"])
    return iter(found.values())


@cache
def _file(of: str) -> list[dict[str, str]]:
    """The file of a source, read once."""
    with (_REFERENCE / f"{of}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
