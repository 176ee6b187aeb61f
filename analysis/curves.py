"""The trade-off curve: natural risk against hypocritical risk on D⁻ (Tao et al. 2022, Figures 4 and 6)."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from analysis import published
from analysis.cells import Block, Cell, blocks
from analysis.drawing import COLORS, FONT_SIZE, STYLE, plain

if TYPE_CHECKING:
    import numpy
    import pandas
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (3.4, 2.9)  # inches: one column of a two-column page
_CHARACTERS = 48  # that fit across a panel at this size

# With marker and dashes each line is known in grey too. The numbers of colours, markers and dashes let 35 lines
# pass before a look comes back.
_MARKERS = ("o", "s", "^", "D", "v", "p", "<")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_SINGLE = ("*", "P", "X", "h")


def tradeoff_figure(frame: pandas.DataFrame, paper: str | None = None) -> Figure:
    """Draw the runs of `frame` (from `collect`): a panel for every experiment, a line for every defense.

    Both axes are in percent. A line follows λ, which is written at its points; error bars in both directions
    are one sample standard deviation over seeds, where there are two or more. A defense without λ is one
    point. Cells without a finished run are left out.

    Args:
        paper: a published table, such as "tao2022/table10", to lie behind every panel as pale lines.
    """
    import matplotlib
    from matplotlib.figure import Figure

    experiments = blocks(frame)
    columns = min(2, max(1, len(experiments)))
    rows = max(1, math.ceil(len(experiments) / columns))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(columns * _PANEL[0], rows * _PANEL[1]), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).flatten()
        looks: dict[str, dict[str, Any]] = {}
        for block in experiments:
            for name, cells in _lines(block).items():
                looks.setdefault(name, _look(cells, looks))
        handles: dict[str, Artist] = {}
        for axes, block in zip(panels, experiments, strict=False):
            handles |= _draw(axes, block, looks)
            if paper is not None:
                handles |= _draw_published(axes, paper, looks)
        for axes in panels[len(experiments) :]:
            axes.set_axis_off()
        if handles:
            _add_legend(figure, handles, characters=columns * _CHARACTERS)
        # The labels need to know where the points come to lie.
        figure.draw_without_rendering()
        for axes, block in zip(panels, experiments, strict=False):
            _label(axes, block, looks)
    return figure


def _lines(block: Block) -> dict[str, list[Cell]]:
    """The cells that can be drawn, by defense."""
    lines: dict[str, list[Cell]] = {}
    for cell in block.cells:
        if cell.estimates["R_nat"].n and cell.estimates["R_hyp_minus"].n:
            lines.setdefault(cell.defense, []).append(cell)
    return lines


def _look(cells: list[Cell], taken: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The next free look: a line for a defense with λ, a grey marker for one without."""
    if cells[0].lambda_:
        used = sum(look["linestyle"] != "none" for look in taken.values())
        color, marker = COLORS[used % len(COLORS)], _MARKERS[used % len(_MARKERS)]
        return {"color": color, "marker": marker, "linestyle": _DASHES[used % len(_DASHES)]}
    used = sum(look["linestyle"] == "none" for look in taken.values())
    return {"color": "#444444", "marker": _SINGLE[used % len(_SINGLE)], "linestyle": "none"}


def _draw(axes: Axes, block: Block, looks: dict[str, dict[str, Any]]) -> dict[str, Artist]:
    """Lines, points and error bars of one panel; returns what stands for each defense in the legend."""
    handles: dict[str, Artist] = {}
    for name, cells in _lines(block).items():
        x, y, x_error, y_error = _values(cells)
        look = looks[name]
        axes.errorbar(
            x, y, y_error, x_error, fmt="none", ecolor=look["color"], elinewidth=0.5, alpha=0.4, zorder=1
        )
        size = 3.5 if look["linestyle"] != "none" else 6.5
        (handles[name],) = axes.plot(x, y, **look, markersize=size, linewidth=1, markeredgewidth=0.5, zorder=2)
    if not handles:
        axes.text(0.5, 0.5, "no finished run", transform=axes.transAxes, ha="center", va="center")
        axes.set(xticks=[], yticks=[])
    axes.set_title("\n".join(map(plain, textwrap.wrap(block.heading, _CHARACTERS))))
    axes.set_xlabel("natural risk (%)")
    axes.set_ylabel("hypocritical risk on D⁻ (%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(0.08)
    return handles


def _draw_published(axes: Axes, paper: str, looks: dict[str, dict[str, Any]]) -> dict[str, Artist]:
    """The published lines, each in the colour of ours of the same defense; returns them for the legend."""
    handles: dict[str, Artist] = {}
    for defense, points in published.curves(paper).items():
        look = {"color": "#444444", "linestyle": "-", **looks.get(defense, {}), "marker": "none"}
        (line,) = axes.plot(*zip(*points, strict=True), **look, linewidth=3, alpha=0.25, zorder=0)
        handles[f"{defense}, {paper}"] = line
    return handles


def _add_legend(figure: Figure, handles: dict[str, Artist], characters: int) -> None:
    """The names under the panels, side by side as far as `characters` go."""
    widths = [len(name) + 6 for name in handles]  # the sample and the gap take about six characters
    figure.legend(
        list(handles.values()),
        [plain(name) for name in handles],
        loc="outside lower center",
        ncols=len(handles) if sum(widths) <= characters else max(1, characters // max(widths)),
        title="numbers at the points: λ; bars: ± std over seeds",
        title_fontsize=FONT_SIZE - 1,
        columnspacing=1.2,
        handletextpad=0.5,
        frameon=False,
    )


def _label(axes: Axes, block: Block, looks: dict[str, dict[str, Any]]) -> None:
    """Write λ at the points of one panel."""
    import numpy

    from analysis.labels import Label, place

    labels, points, strokes = [], [], []
    for name, cells in _lines(block).items():
        x, y, x_error, y_error = _values(cells)
        points.append(numpy.stack([x, y], axis=1))
        for x_at, y_at, x_reach, y_reach in zip(x, y, x_error, y_error, strict=True):
            strokes.append(numpy.array([(x_at - x_reach, y_at), (x_at + x_reach, y_at)]))
            strokes.append(numpy.array([(x_at, y_at - y_reach), (x_at, y_at + y_reach)]))
        labels += [
            Label(x_at, y_at, cell.lambda_, looks[name]["color"])
            for cell, x_at, y_at in zip(cells, x, y, strict=True)
            if cell.lambda_
        ]
    if labels:
        place(axes, labels, numpy.concatenate(points), [*points, *strokes], font_size=FONT_SIZE - 2)


def _values(cells: list[Cell]) -> tuple[numpy.ndarray, ...]:
    """Natural risk, hypocritical risk, and the reach of their error bars (0 at one seed); (cells,) each."""
    import numpy

    pairs = [(cell.estimates["R_nat"], cell.estimates["R_hyp_minus"]) for cell in cells]
    means = numpy.array([[estimate.mean for estimate in pair] for pair in pairs])
    reach = numpy.nan_to_num([[estimate.std for estimate in pair] for pair in pairs])
    return means[:, 0], means[:, 1], reach[:, 0], reach[:, 1]
