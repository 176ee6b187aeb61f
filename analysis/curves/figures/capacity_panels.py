"""Figure 10 of the lecture: accuracy, clean and under two attacks, over capacity, a panel a kind of training."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.curves.curves import line_look
from analysis.curves.drawing import STYLE, legend_below, plain
from analysis.curves.figures.over_seeds import Run, estimate, experiments
from analysis.paper.kinds import refuse_mixtures
from analysis.paper.published_attacks import is_of_the_attack
from analysis.reading.setting_values import written
from analysis.tables.cells import Estimate

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEFENSES = ("standard", "fgsm_at", "pgd_at")
"""The panels in the lecture's order."""

LINES = {"clean": ("D", ""), "under FGSM": ("A", "fgsm"), "under PGD": ("A", "pgd20")}
"""By what they are called, the metric and the evaluation that has it; "" for any."""

WIDTH = "arch.width"

_PANEL = (2.6, 2.5)  # inches
_CHARACTERS = 36  # that fit across a panel at this size


def figure(runs: pandas.DataFrame) -> Figure:
    """Draw `runs` (rows of `collect`), a row of panels an experiment.

    Raises:
        InputError: where runs that differ would be averaged.
    """
    import matplotlib
    from matplotlib.figure import Figure

    rows = list(experiments(runs, "dataset", "arch"))
    with matplotlib.rc_context(STYLE):
        size = (len(DEFENSES) * _PANEL[0], 0.5 + len(rows) * _PANEL[1])
        result = Figure(figsize=size, layout="constrained")
        handles: dict[str, Any] = {}
        places = result.subplots(len(rows), len(DEFENSES), squeeze=False, sharey=True)
        for of_row, (heading, alike) in zip(places, rows, strict=True):
            for axes, defense in zip(of_row, DEFENSES, strict=True):
                of_defense = [run for run in alike if run["defense"] == defense]
                called = _called(defense, of_defense)
                handles |= _draw(axes, f"{called}, {heading}", of_defense)
                axes.set_title("\n".join([called, *map(plain, textwrap.wrap(heading, _CHARACTERS))]))
            of_row[0].set_ylabel("accuracy (%)")
        notes = [
            "bars: ± std over seeds",
            "the lecture's lines have no numbers but 0 % under attack in its first panel",
        ]
        legend_below(result, handles, len(DEFENSES) * _CHARACTERS, notes)
    return result


def _called(defense: str, runs: Sequence[Run]) -> str:
    """The defense, with the share of clean images that it trains on where it has one."""
    alphas = dict.fromkeys(written(run["defense.alpha"]) for run in runs if run.get("defense.alpha") is not None)
    return f"{defense}, α = {' or '.join(alphas)}" if defense == "fgsm_at" and alphas else defense


def _draw(axes: Axes, name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """A line for each of LINES; returns what stands for each in the legend."""
    widths = sorted({int(run[WIDTH]) for run in runs})
    lines: dict[str, dict[int, Estimate]] = {line: {} for line in LINES}
    for width in widths:
        of_width = [run for run in runs if int(run[WIDTH]) == width]
        where = f"{name}, {WIDTH} = {width}"
        refuse_mixtures(where, of_width, but=is_of_the_attack)
        for line, (metric, evaluation) in LINES.items():
            of_line = [run for run in of_width if evaluation in ("", run["evaluation"])]
            if not evaluation:  # what is clean is the same under each, so that one of a seed will do
                of_line = list({run["seed"]: run for run in of_line}.values())
            if of_line:
                value = partial(_of, metric=metric)
                lines[line][width] = estimate(f"{where}, {line}", of_line, value, but=is_of_the_attack)
    handles = {}
    for used, (line, over) in enumerate(lines.items()):
        means, reach = [each.mean for each in over.values()], [each.std for each in over.values()]
        handles[line] = axes.errorbar(list(over), means, reach, **line_look(used), markersize=3.5, linewidth=1)
    axes.set_xlabel(f"capacity ({WIDTH})")
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, list(map(str, widths)))
    axes.set_ylim(-3, 103)
    axes.spines[["top", "right"]].set_visible(False)
    return handles


def _of(run: Run, metric: str) -> float | None:
    value: float | None = run[metric]
    return value
