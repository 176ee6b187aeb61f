"""What each figure of Tao et al. (2022) is made of, and what draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.curves.figures import accuracy_bars, success_by_target, tradeoff_panels
from analysis.paper.published import DATASETS, PublishedRow, table
from analysis.paper.published_attacks import attack_of
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PaperFigure:
    """A figure, by the published rows that its runs are of.

    Attributes:
        takes: the runs in words, for whoever has none.
        rows: the experiments.
        finding: what they have to have measured besides, "" for nothing.
        draw: from these runs (rows of `collect`) to the picture.
    """

    takes: str
    rows: Callable[[], list[PublishedRow]]
    finding: str
    draw: Callable[[pandas.DataFrame], Figure]

    def has(self, run: Mapping[str, Any]) -> bool:
        """Whether `run` is one of its cells; on data that the paper does not have, by its method alone.

        So that a rehearsal, or a study of other data, is drawn like the paper's.
        """
        if run["evaluation"] != "pgd20" or (self.finding and self.finding not in _measurements(run)):
            return False
        if run["dataset"] in DATASETS:
            return attack_of(run) == "pgd-20" and any(row.matches(run) for row in self.rows())
        return any(row.has_method(run) for row in self.rows())


def _measurements(run: Mapping[str, Any]) -> set[str]:
    """What was measured on the run, and what is to be."""
    return {*run["findings"], *run["measurement"].split(",")}


def _five_models() -> list[PublishedRow]:
    """ResNet-18 on each kind of training data of Table 5."""
    return [replace(row, setting={**row.setting, "arch": "resnet18"}) for row in table("tao2022/table5")]


def _targets(number: int, training_data: str) -> PaperFigure:
    return PaperFigure(
        takes=f"defense=pgd_at and trades with lambda=6, training_data={training_data}, measurement=[targeted]",
        rows=partial(table, f"tao2022/figure{number}"),
        finding="targeted",
        draw=partial(success_by_target.figure, training_data=training_data),
    )


def _tradeoff(number: int, training_data: str, y: str, *tables: int) -> PaperFigure:
    return PaperFigure(
        takes=f"defense=thrm and trades, lambda=0,1,5,...,100, training_data={training_data}, evaluation=pgd20",
        rows=partial(table, f"tao2022/figure{number}"),
        finding="",
        draw=partial(tradeoff_panels.figure, y=y, tables=[f"tao2022/table{number}" for number in tables]),
    )


FIGURES = {
    "tao2022/figure2": PaperFigure(
        takes=f"defense=standard, training_data={', '.join(accuracy_bars.TRAINING_DATA)}, evaluation=pgd20",
        rows=_five_models,
        finding="",
        draw=accuracy_bars.figure,
    ),
    "tao2022/figure3": _targets(3, "quality"),
    "tao2022/figure4": _tradeoff(4, "quality", "R_hyp_minus", 10, 11, 12),
    "tao2022/figure5": _targets(5, "poisoning"),
    "tao2022/figure6": _tradeoff(6, "poisoning", "R_hyp_minus", 13),
    "tao2022/figure7": _tradeoff(7, "quality", "R_adv", 10, 11, 12),
}


def paper_figure(frame: pandas.DataFrame, name: str) -> tuple[Figure, pandas.DataFrame]:
    """Figure `name` of the runs of `frame` (from `collect`), and those of them that belong to it.

    Runs whose settings cannot be read may belong to it, and are among them.

    Raises:
        InputError: there is no such figure, or no run of it is done.
    """
    import pandas

    if name not in FIGURES:
        raise InputError(f"figure: takes one of {', '.join(FIGURES)}, got {name!r}")
    wanted = FIGURES[name]
    runs: list[Any] = frame.to_dict("records")
    fits = pandas.Series(list(map(wanted.has, runs)), frame.index, dtype=bool)
    if not (fits & (frame["state"] == "done")).any():
        sweep = f"python -m hypo.run -m +sweeps={name} makes them, +sweeps=smoke/{name} in small"
        raise InputError(f"{name}: takes runs of {wanted.takes} in ℓ∞; none here is done; {sweep}")
    in_order = [frame["dataset"].map(_place), frame["arch"], frame["epsilon_value"]]
    if "dataset.scale" in frame:  # of the digits, which stand for several data sets in a rehearsal
        in_order.insert(1, pandas.to_numeric(frame["dataset.scale"], errors="coerce"))
    keys = pandas.concat(in_order, axis=1, keys=range(len(in_order)))
    drawn = frame.loc[keys[fits].sort_values(list(keys), kind="stable").index]
    return wanted.draw(drawn), frame[fits | (frame["settings"] == "")]


def _place(dataset: str) -> int:
    """Where the paper has its panel; others come first, as they come."""
    return list(DATASETS).index(dataset) if dataset in DATASETS else -1
