"""Figure 13 of the lecture: accuracy over the ε of the attack, a row a norm and a column an experiment."""

from __future__ import annotations

import textwrap
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.curves.curves import line_look
from analysis.curves.drawing import STYLE, legend_below, plain
from analysis.curves.figures.over_seeds import Run, estimate, experiments, norm_of, points
from analysis.tables.cells import NORMS

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FINDINGS = {"epsilon_curve": "linf", "epsilon_curve_l2": "l2"}
"""The rows, and the norm of each where its settings have none."""

_PANEL = (3.4, 2.4)  # inches
_CHARACTERS = 48  # that fit across a panel at this size
_NOTES = ("bars: ± std over seeds", "the lecture's lines have no numbers")


def figure(runs: pandas.DataFrame) -> Figure:
    """Draw `runs` (rows of `collect`).

    Raises:
        InputError: where runs that differ would be averaged.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns = list(experiments(runs, "dataset", "arch"))
    with matplotlib.rc_context(STYLE):
        size = (len(columns) * _PANEL[0], 0.4 + len(FINDINGS) * _PANEL[1])
        result = Figure(figsize=size, layout="constrained")
        handles: dict[str, Any] = {}
        for row, finding in zip(
            result.subplots(len(FINDINGS), len(columns), squeeze=False), FINDINGS, strict=True
        ):
            for axes, (heading, alike) in zip(row, columns, strict=True):
                handles |= _draw(axes, heading, alike, finding)
        legend_below(result, handles, len(columns) * _CHARACTERS, _NOTES)
    return result


def _draw(axes: Axes, heading: str, runs: list[Run], finding: str) -> dict[str, Any]:
    """One panel; returns what the legend shows."""
    measured = [run for run in runs if points(run, finding, "A")]
    norm = FINDINGS[finding]
    handles: dict[str, Any] = {}
    for used, defense in enumerate(dict.fromkeys(run["defense"] for run in measured)):
        of_defense = [run for run in measured if run["defense"] == defense]
        norm = norm_of(of_defense[0], finding)
        epsilons = sorted({at for run in of_defense for at in points(run, finding, "A")})
        where = f"{heading}, {defense}, {finding}"
        over = [estimate(where, of_defense, partial(_accuracy, finding=finding, at=at)) for at in epsilons]
        look = {**line_look(used), "markersize": 3, "linewidth": 1}
        name = f"accuracy under attack, {defense}"
        handles[name] = axes.errorbar(epsilons, [each.mean for each in over], [each.std for each in over], **look)
        if norm == of_defense[0]["norm"]:
            trained = float(of_defense[0]["epsilon_value"])
            handles["ε of training"] = axes.axvline(trained, color="#C00000", linestyle="--", linewidth=1)
    if not measured:
        axes.text(0.5, 0.5, f"no finished run has {finding}", transform=axes.transAxes, ha="center", va="center")
    axes.set_title("\n".join(map(plain, textwrap.wrap(f"trained on {heading}", _CHARACTERS))))
    axes.set(xlabel=f"{NORMS[norm]} ε of the attack", ylabel="accuracy (%)", ylim=(-3, 103))
    axes.spines[["top", "right"]].set_visible(False)
    return handles


def _accuracy(run: Run, finding: str, at: float) -> float | None:
    return points(run, finding, "A").get(at)
