"""How many mistakes can be turned into each class: success rates on D⁻ (Tao et al. 2022, Figures 3 and 5).

First comes "y", the true class of each mistake: the false friend's attack, whose success is R_hyp⁻. Then the
attack towards every class in turn, whether or not it is the true one. What already has the target as its
prediction needs no attack; it is told apart from what was moved there.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from analysis.curves.drawing import COLORS, STYLE, hatch, legend_below, plain
from analysis.reading.findings import Findings
from analysis.tables.cells import blocks
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HYPOCRITICAL, TARGETED = "hypocritical", "targeted"
"""The attacks; the first has a row of its own, "y", however the classes are called."""

_PANEL_HEIGHT = 2.2  # inches
_CLASS_WIDTH = 0.62
_NAMED = 20  # classes that have room for their names; of more, some have their number
_GAP = 0.4  # between "y" and the first class, in widths of a class


def targeted_rates(frame: pandas.DataFrame) -> pandas.DataFrame:
    """For every experiment and cell among the runs of `frame` (from `collect`) a row "y", then one for each class.

    Columns:
        heading, defense, lambda: of the block and the cell.
        attack: "hypocritical" in the row "y", whose target is the label of each example, else "targeted".
        class: the target.
        mistakes: |D⁻|, the mean over seeds.
        already, moved: percent of D⁻ that is predicted as the target, and that the attack moves there, means over
            seeds. already_std, moved_std: NaN at one seed.
        reached, reached_std: the success rate of the figures, which is their sum; in the row "y" R_hyp⁻.
        moved_of_others: percent of the mistakes that were not there already, the mean over seeds.
        n: how many seeds.

    Raises:
        InputError: when no finished run was measured with targets.
    """
    import pandas

    runs = frame.drop_duplicates("directory").set_index("directory")
    rows = [
        {"heading": block.heading, "defense": cell.defense, "lambda": cell.lambda_, **row}
        for block in blocks(frame)
        for cell in block.cells
        for row in _rows(runs.loc[list(cell.done)])
    ]
    if not rows:
        raise InputError("no finished run here was measured with targets; measurement=[targeted] does that")
    return pandas.DataFrame(rows)


def _rows(seeds_of_cell: pandas.DataFrame) -> list[dict[str, Any]]:
    import pandas

    hidden = zip(seeds_of_cell["findings"], seeds_of_cell["R_hyp_minus"], strict=True)
    entries = [entry for findings, hypocritical in hidden for entry in _entries(findings, hypocritical)]
    if not entries:
        return []
    rates = pandas.DataFrame(entries).astype({"moved_of_others": float})
    rates["reached"] = rates["already"] + rates["moved"]
    seeds = rates.groupby(["attack", "class"], sort=False)
    means = seeds.mean()
    for part in ("already", "moved", "reached"):
        means[f"{part}_std"] = seeds[part].std()
    means["n"] = seeds.size()
    return means.reset_index().to_dict("records")


def _entries(findings: Findings, hypocritical: float) -> list[dict[str, Any]]:
    """The rates of one run, "y" first; none where it has no targets, or no mistake that could be turned."""
    curves = {each["name"]: each["points"] for each in findings.get(TARGETED, {"curves": []})["curves"]}
    moved_to = {point["at"]: point for point in curves.get("moved", [])}
    found = [
        {
            "attack": TARGETED,
            "class": str(already["at"]),
            "mistakes": already["of"],
            "already": 100 * already["count"] / already["of"],
            "moved": 100 * moved["count"] / already["of"],
            "moved_of_others": 100 * moved["value"] if moved["of"] else None,
        }
        for already in curves.get("already", [])
        if already["of"]
        for moved in [moved_to[already["at"]]]
    ]
    if not found:
        return []
    hidden = 100 * hypocritical
    mistakes = {"mistakes": found[0]["mistakes"], "already": 0.0, "moved": hidden, "moved_of_others": hidden}
    return [{"attack": HYPOCRITICAL, "class": "y", **mistakes}, *found]


def figure(rates: pandas.DataFrame) -> Figure:
    """Draw what `targeted_rates` found: a panel for every experiment, for "y" and each class a bar for every cell.

    The pale part of a bar has the target as its prediction already, the full part is moved there; both are percent
    of D⁻. Error bars are one sample standard deviation of their sum over seeds, where there are two or more.
    """
    import matplotlib
    from matplotlib.figure import Figure

    experiments = list(rates.groupby("heading", sort=False))
    width = page_width(rates)
    with matplotlib.rc_context(STYLE):
        result = Figure(figsize=(width, 0.4 + _PANEL_HEIGHT * len(experiments)), layout="constrained")
        panels = result.subplots(len(experiments), 1, squeeze=False, sharey=True).flatten()
        looks: dict[str, Any] = {}
        for axes, (heading, rows) in zip(panels, experiments, strict=True):
            draw(axes, rows, looks)
            axes.set_title("\n".join(map(plain, textwrap.wrap(str(heading), int(14 * width)))))
        panels[-1].set_xlabel(READING)
        legend_below(result, looks, int(14 * width), ["bars: ± std over seeds"])
    return result


READING = "target (y: the true class); pale: predicted as it already, full: moved there"
"""What to write under the panels."""


def page_width(rates: pandas.DataFrame) -> float:
    """Inches that the panel with the most classes needs."""
    classes = int(rates.groupby("heading")["class"].nunique().max())
    return max(3.4, min(14.0, _CLASS_WIDTH * classes))


def draw(axes: Axes, rows: pandas.DataFrame, looks: dict[str, Any]) -> None:
    """Draw one panel; `looks` holds the bars that stand for each cell so far, and a cell looks the same in all."""
    import numpy

    names = [
        name
        for attack, name in dict.fromkeys(zip(rows["attack"], rows["class"], strict=True))
        if attack == TARGETED
    ]
    # Among a hundred thin bars "y" would not be found, so that it is as broad as several of them.
    broad = max(1.0, len(names) / 20)
    cells = list(rows.groupby(["defense", "lambda"], sort=False))
    first = broad / 2 + _GAP + 0.5  # where the first class is
    for place, ((defense, lambda_), of_cell) in enumerate(cells):
        label = f"{defense}, λ = {lambda_}" if lambda_ else str(defense)
        index = list(looks).index(label) if label in looks else len(looks)
        by_class = of_cell[of_cell["attack"] == TARGETED].set_index("class").reindex(names)
        hidden = of_cell[of_cell["attack"] == HYPOCRITICAL]
        widths = 0.8 / len(cells) * numpy.array([broad] * len(hidden) + [1.0] * len(names))
        at = numpy.array([0.0] * len(hidden) + [first + number for number in range(len(names))])
        at += (place - (len(cells) - 1) / 2) * widths
        already, moved, std = (
            numpy.concatenate([hidden[part], by_class[part]]) for part in ("already", "moved", "reached_std")
        )
        color, hatched = COLORS[index % len(COLORS)], hatch(index)
        hatches = [hatched] * len(hidden) + [hatched if len(names) <= _NAMED else ""] * len(names)
        style: dict[str, Any] = {"color": color, "hatch": hatches, "edgecolor": "white", "linewidth": 0}
        axes.bar(at, already, widths, alpha=0.35, **style)
        looks[label] = axes.bar(at, moved, widths, bottom=already, **style)
        line = 0.6 if len(names) <= _NAMED else 0.3
        axes.errorbar(at, already + moved, std, fmt="none", ecolor="#222222", elinewidth=line)
    _name_targets(axes, names, first)
    axes.set_ylabel("mistakes (% of D⁻)")
    axes.set_ylim(bottom=0)
    axes.set_xlim(-broad / 2 - _GAP, first + max(len(names) - 1, 0) + 0.5 + _GAP)
    axes.spines[["top", "right"]].set_visible(False)


def _name_targets(axes: Axes, names: list[str], first: float) -> None:
    """Under the bars the classes; of many, one in so many has its number, as in the paper."""
    if len(names) <= _NAMED:
        shown = {number: plain(str(name)) for number, name in enumerate(names)}
    else:
        step = next(step for step in (5, 10, 20, 50, 100, 200, 500, len(names)) if len(names) <= _NAMED * step)
        shown = {number: str(number) for number in range(0, len(names), step)}
    at = [0.0, *(first + number for number in shown)]
    axes.set_xticks(at, ["y", *shown.values()], rotation=30 if max(map(len, shown.values()), default=0) > 5 else 0)
