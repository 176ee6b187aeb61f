"""Groups of bars, a group a model, panel by panel."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.curves.drawing import COLORS, STYLE, hatch, legend_below, plain
from analysis.tables.cells import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (3.4, 2.3)  # inches
_CHARACTERS = 48  # that fit across a panel at this size
_GROUP = 0.84  # of the room of a model


@dataclass(frozen=True)
class Panel:
    """One experiment: the bars of each model by their names, in percent, and what is said where one has none."""

    heading: str
    models: Mapping[str, Mapping[str, Estimate]]
    absent: str = "no result"


def draw(rows: Sequence[Sequence[Panel]], bars: Mapping[str, str], y: str, notes: Sequence[str]) -> Figure:
    """Draw `rows` of panels.

    Numbers stand at the bars, so that 0 and a bar that is missing look different; error bars are one sample
    standard deviation over seeds, where there are two or more.

    Args:
        bars: what they are called in the panels, by what the legend calls them.
        y: the vertical axis.
        notes: lines to stand under the panels.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns = max(map(len, rows))
    tops = [
        each.mean for row in rows for panel in row for model in panel.models.values() for each in model.values()
    ]
    top = 110.0 if max(tops, default=100) > 50 else max(10.0, 1.3 * max(tops))
    with matplotlib.rc_context(STYLE):
        result = Figure(figsize=(columns * _PANEL[0], 0.5 + len(rows) * _PANEL[1]), layout="constrained")
        handles: dict[str, Any] = {}
        for places, row in zip(result.subplots(len(rows), columns, squeeze=False), rows, strict=True):
            for axes, panel in zip(places, row, strict=False):
                handles |= _draw(axes, panel, bars)
                axes.set(ylabel=y, ylim=(0, top))
            for axes in places[len(row) :]:
                axes.set_axis_off()
        legend_below(result, handles, columns * _CHARACTERS, ["bars: ± std over seeds", *notes])
    return result


def _draw(axes: Axes, panel: Panel, bars: Mapping[str, str]) -> dict[str, Any]:
    """Draw one panel; returns what the legend shows."""
    small: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": 5}
    handles: dict[str, Any] = {}
    width = _GROUP / len(bars)
    for place, (about, name) in enumerate(bars.items()):
        shown = [(at, of_model[name]) for at, of_model in enumerate(panel.models.values()) if name in of_model]
        x = [at + (place - (len(bars) - 1) / 2) * width for at, _ in shown]
        style: dict[str, Any] = {
            "color": COLORS[place],
            "edgecolor": "white",
            "linewidth": 0,
            "hatch": hatch(place),
        }
        error: dict[str, Any] = {
            "yerr": [each.std for _, each in shown],
            "error_kw": {"ecolor": "#222222", "elinewidth": 0.6},
        }
        means = [each.mean for _, each in shown]
        handles[about] = axes.bar(x, means, width, **style, **error)
        for at, (_, each) in zip(x, shown, strict=True):
            top = each.mean + (0 if math.isnan(each.std) else each.std)
            axes.annotate(f"{each.mean:.1f}".removesuffix(".0"), (at, top), (0, 1), **small)
    for at, of_model in enumerate(panel.models.values()):
        if not of_model:
            axes.annotate(panel.absent, (at, 0), (0, 3), **small, color="#666666")
    names = ["\n".join(map(plain, textwrap.wrap(name, 14))) for name in panel.models]
    axes.set_xticks(range(len(names)), names, fontsize=6.5)
    axes.set_title("\n".join(map(plain, textwrap.wrap(panel.heading, _CHARACTERS))))
    axes.set(xlim=(-0.6, len(names) - 0.4))
    axes.spines[["top", "right"]].set_visible(False)
    return handles
