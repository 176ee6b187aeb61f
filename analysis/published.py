"""The published numbers (analysis/reference), and which of our runs each of them can be compared with."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hypo import checks
from hypo.errors import InputError

_FILE = Path(__file__).parent / "reference" / "tao2022.csv"

SEEDS = 5
"""How many runs a published std is over."""

_SAME = {"figure2": "tablefigure2", "figure4": "table10"}
"""Figures whose cells are those of a table; those of Figure 2 stand in the text."""

_DATASETS = {"tinyimagenet": "tiny_imagenet"}
_ARCHS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "mlp": ("mlp_tao2022", {}),
    "vgg16": ("vgg16", {"arch.width": "64"}),
    "resnet18": ("resnet18", {"arch.width": "64"}),
    "wrn28_10": ("wide_resnet", {"arch.depth": "28", "arch.width": "10"}),
    "linf_dist_net": ("linf_dist_net", {"arch.hidden": "[5120, 5120, 5120, 5120, 5120]"}),
}
"""The option of each published architecture, and the settings that make it the published one."""

_EVALUATIONS = {"pgd20": "pgd-20", "targeted": "pgd-20", "pgd100": "pgd-100", "fgsm": "fgsm", "cw100": "cw-100"}

_EPOCHS = {"cifar10": 110, "cifar100": 110, "svhn": 60, "tiny_imagenet": 60}


@dataclass(frozen=True)
class Figure:
    """A published mean, and its std where there is one; percent."""

    mean: float
    std: float | None


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
        same = (
            (run["dataset"], _DATASETS.get(setting["dataset"], setting["dataset"])),
            (run["arch"], arch),
            (run["norm"], setting["norm"]),
            (run["training_data"], setting["data"]),
            (run["defense"], setting["defense"]),
            *((str(run.get(key)), value) for key, value in size.items()),
        )
        if any(ours != theirs for ours, theirs in same):
            return False
        numbers = [("epsilon_value", setting["eps"]), ("lambda_value", setting["lambda"])]
        return all(not text or abs(run[key] - checks.number(key, text)) < 1e-9 for key, text in numbers)


def names() -> list[str]:
    """The published tables, in their order, without the figures that repeat one."""
    return sorted({f"tao2022/table{line['table']}" for line in _lines()}, key=lambda name: (len(name), name))


def table(name: str) -> list[PublishedRow]:
    """The rows of `name`, such as tao2022/table10, in the paper's order.

    Raises:
        InputError: when there are no published numbers of that name.
    """
    lines = _lines()
    known = {f"tao2022/table{line['table']}": line["table"] for line in lines}
    known |= {f"tao2022/{figure}": known[f"tao2022/{same}"] for figure, same in _SAME.items()}
    if name not in known:
        choices = ", ".join(sorted(known, key=lambda text: (text[8], len(text), text)))
        raise InputError(f"--paper: takes one of {choices}, got {name!r}")
    rows: dict[tuple[str, ...], PublishedRow] = {}
    keys = ("dataset", "arch", "norm", "eps", "data", "defense", "lambda")
    for line in lines:
        if line["table"] == known[name]:
            row = rows.setdefault(tuple(line[key] for key in keys), PublishedRow({key: line[key] for key in keys}))
            std = float(line["std"]) if line["std"] else None
            row.figures[line["attack"], line["metric"]] = Figure(float(line["mean"]), std)
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


def attack_of(run: Mapping[str, Any]) -> str:
    """The published name of what a run was evaluated with, "" where no table has it."""
    return _EVALUATIONS.get(str(run["evaluation"]), "")


def shortened(run: Mapping[str, Any]) -> list[str]:
    """In what a run falls short of the published recipe, such as "recipe.epochs = 1"."""
    found = [
        f"{key} = {run[key]}" for key in ("recipe.train_limit", "evaluation.test_limit") if _is_set(run.get(key))
    ]
    epochs, published = run.get("recipe.epochs"), _EPOCHS.get(str(run["dataset"]))
    is_other = run["arch"] != "linf_dist_net" and run["training_data"] != "naive"
    if is_other and published is not None and str(epochs) != str(published):
        found.append(f"recipe.epochs = {epochs} of {published}")
    return found


def _is_set(value: Any) -> bool:
    return value is not None and value == value and value != ""
