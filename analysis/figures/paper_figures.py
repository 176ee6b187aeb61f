"""What each figure of Tao et al. (2022) is made of, and what draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from analysis.figures import accuracy_bars, success_by_target, tradeoff_panels
from hypo.errors import InputError

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PaperFigure:
    """A figure, by what its runs have in common; data set, architecture and ε may be any.

    Attributes:
        takes: the runs in words, for whoever has none.
        training_data, defenses, evaluation: the options that they were made with.
        draw: from these runs (rows of `collect`) to the picture.
        weight: λ of a defense that has one; None for all.
    """

    takes: str
    training_data: tuple[str, ...]
    defenses: tuple[str, ...]
    evaluation: str
    draw: Callable[[pandas.DataFrame], Figure]
    weight: float | None = None


_DATASETS = ("cifar10", "svhn", "cifar100", "tiny_imagenet")


def _targets(training_data: str) -> PaperFigure:
    return PaperFigure(
        takes=f"defense=pgd_at and trades with lambda=6, training_data={training_data}, evaluation=targeted",
        training_data=(training_data,),
        defenses=("pgd_at", "trades"),
        evaluation="targeted",
        draw=partial(success_by_target.figure, training_data=training_data),
        weight=6.0,
    )


def _tradeoff(training_data: str, y: str, *tables: int) -> PaperFigure:
    return PaperFigure(
        takes=f"defense=thrm and trades at several lambda, training_data={training_data}, evaluation=pgd20",
        training_data=(training_data,),
        defenses=("thrm", "trades"),
        evaluation="pgd20",
        draw=partial(tradeoff_panels.figure, y=y, tables=[f"tao2022/table{number}" for number in tables]),
    )


FIGURES = {
    "tao2022/figure2": PaperFigure(
        takes=f"defense=standard, training_data={', '.join(accuracy_bars.TRAINING_DATA)}, evaluation=pgd20",
        training_data=accuracy_bars.TRAINING_DATA,
        defenses=("none", "standard"),
        evaluation="pgd20",
        draw=accuracy_bars.figure,
    ),
    "tao2022/figure3": _targets("quality"),
    "tao2022/figure4": _tradeoff("quality", "R_hyp_minus", 10, 11, 12),
    "tao2022/figure5": _targets("poisoning"),
    "tao2022/figure6": _tradeoff("poisoning", "R_hyp_minus", 13),
    "tao2022/figure7": _tradeoff("quality", "R_adv", 10, 11, 12),
}


def paper_figure(frame: pandas.DataFrame, name: str) -> tuple[Figure, pandas.DataFrame]:
    """Figure `name` of the runs of `frame` (from `collect`), and those of them that belong to it.

    Runs whose settings cannot be read may belong to it, and are among them.

    Raises:
        InputError: there is no such figure, or no run of it is done.
    """
    if name not in FIGURES:
        raise InputError(f"figure: takes one of {', '.join(FIGURES)}, got {name!r}")
    wanted = FIGURES[name]
    fits = frame["training_data"].isin(wanted.training_data) & frame["defense"].isin(wanted.defenses)
    fits &= frame["evaluation"] == wanted.evaluation
    if wanted.weight is not None:
        fits &= frame["lambda_value"].isna() | (frame["lambda_value"] == wanted.weight)
    if not (fits & (frame["state"] == "done")).any():
        sweep = f"python -m hypo.run -m +sweeps={name} makes them, +sweeps=smoke/{name} in small"
        raise InputError(f"{name}: takes runs of {wanted.takes}; none here is done; {sweep}")
    drawn = frame[fits].sort_values("dataset", key=lambda names: names.map(_place), kind="stable")
    return wanted.draw(drawn), frame[fits | (frame["settings"] == "")]


def _place(dataset: str) -> int:
    """Where the paper has its panel; others come first, as they come."""
    return _DATASETS.index(dataset) if dataset in _DATASETS else -1
