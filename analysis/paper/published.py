"""The published numbers (analysis/paper/reference), and which of our runs each of them can be compared with."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hypo.settings import checks
from hypo.settings.errors import InputError

_FILE = Path(__file__).parent / "reference" / "tao2022.csv"

SEEDS = 5
"""How many runs a published std is over."""

TOY = "tao2022/table15"
"""Computed exactly: no run can be compared with it."""

_OWN = (*(f"table{number}" for number in (1, 2, 3, *range(5, 15), 16)), "figure2")
"""What has numbers of its own that runs can be compared with; those of Figure 2 stand in the text."""

_REPEATED: Mapping[str, tuple[str, ...]] = {
    "figure3": ("table8", "table9"),
    "figure4": ("table10", "table11", "table12"),
    "figure5": ("table8", "table9"),
    "figure6": ("table13",),
    "figure7": ("table10", "table11", "table12"),
}
"""Figures whose numbers are those of tables."""

_TRAINING_DATA = {"figure3": "quality", "figure5": "poisoning"}
"""Figures that have only the rows of one kind of training data."""

DATASETS = {"cifar10": "cifar10", "svhn": "svhn", "cifar100": "cifar100", "tiny_imagenet": "tinyimagenet"}
"""The options of the published data sets, in the order of the paper's panels, by what the file calls them."""

_ARCHS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "mlp": ("mlp_tao2022", {}),
    "vgg16": ("vgg16", {"arch.width": "64"}),
    "resnet18": ("resnet18", {"arch.width": "64"}),
    "wrn28_10": ("wide_resnet", {"arch.depth": "28", "arch.width": "10"}),
    "linf_dist_net": ("linf_dist_net", {"arch.hidden": "[5120, 5120, 5120, 5120, 5120]"}),
}
"""The option of each published architecture, and the settings that make it the published one."""


@dataclass(frozen=True)
class Figure:
    """A published mean with the decimals that are printed of it, and its std where there is one; percent."""

    mean: float
    std: float | None
    decimals: int = 2


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table: the experiment by the columns of the file, and its figures by attack and metric."""

    setting: Mapping[str, str]
    figures: dict[tuple[str, str], Figure] = field(default_factory=dict)

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
        metrics = [metric for _, metric in self.figures]
        found = {metric: figure.mean for (_, metric), figure in self.figures.items() if metrics.count(metric) == 1}
        D, A, F = (found.get(metric, math.nan) for metric in ("D", "A", "F"))
        hidden = 100 * (F - D) / (100 - D) if D < 100 else math.nan
        derived = {"R_nat": 100 - D, "R_adv": 100 - A, "R_hyp": F, "R_hyp_minus": hidden}
        return {**{metric: round(x, 6) for metric, x in derived.items() if not math.isnan(x)}, **found}

    def matches(self, run: Mapping[str, Any]) -> bool:
        """Whether `run` (a row of `collect`) is this experiment, whatever its evaluation and its recipe."""
        setting = self.setting
        arch, size = _ARCHS[setting["arch"]]
        return (
            self.has_method(run)
            and DATASETS.get(run["dataset"]) == setting["dataset"]
            and run["arch"] == arch
            and all(str(run.get(key)) == value for key, value in size.items())
            and _is(run["epsilon_value"], setting["eps"])
        )

    def is_rehearsed_by(self, run: Mapping[str, Any]) -> bool:
        """Whether a run on the digits is this experiment in small, whatever data set they stand for."""
        arch, _ = _ARCHS[self.setting["arch"]]
        return run["dataset"] == "digits" and run["arch"] in (arch, self.setting["arch"]) and self.has_method(run)

    def has_method(self, run: Mapping[str, Any]) -> bool:
        """Whether `run` has this row's norm, training data, defense and λ."""
        keys = {"norm": "norm", "training_data": "data", "defense": "defense"}
        same = all(run[key] == self.setting[column] for key, column in keys.items())
        return same and _is(run["lambda_value"], self.setting["lambda"])


def _is(value: float, published: str) -> bool:
    """Whether `value` is the number that the file has, if it has one."""
    return not published or abs(value - checks.number("", published)) < 1e-9


def names() -> list[str]:
    """What has numbers of its own: the published tables, in their order, and Figure 2."""
    return [f"tao2022/{name}" for name in _OWN]


def tables_of(name: str) -> tuple[str, ...]:
    """The tables that have the numbers of `name`: table10, table11 and table12 of tao2022/figure4.

    Raises:
        InputError: when there are no published numbers of that name, or none that runs could be compared with.
    """
    if name == TOY:
        raise InputError(f"--paper: {name} is a toy problem whose risks are computed exactly, no run is one of it")
    known: dict[str, tuple[str, ...]] = {f"tao2022/{own}": (own,) for own in _OWN}
    known |= {f"tao2022/{figure}": tables for figure, tables in _REPEATED.items()}
    if name not in known:
        raise InputError(f"--paper: takes one of {', '.join(known)}, got {name!r}")
    return known[name]


def table(name: str) -> list[PublishedRow]:
    """The rows of `name`, such as tao2022/table10 or tao2022/figure4, in the paper's order.

    Raises:
        InputError: as `tables_of`.
    """
    tables, only = tables_of(name), _TRAINING_DATA.get(name.removeprefix("tao2022/"))
    rows: dict[tuple[str, ...], PublishedRow] = {}
    keys = ("dataset", "arch", "norm", "eps", "data", "defense", "lambda")
    for line in _lines():
        number = line["table"]
        if (number in tables or f"table{number}" in tables) and only in (None, line["data"]):
            row = rows.setdefault(tuple(line[key] for key in keys), PublishedRow({key: line[key] for key in keys}))
            std = float(line["std"]) if line["std"] else None
            decimals = len(line["mean"].partition(".")[2])
            row.figures[line["attack"], line["metric"]] = Figure(float(line["mean"]), std, decimals)
    return list(rows.values())


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


@cache
def _lines() -> list[dict[str, str]]:
    """The file, read once."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
