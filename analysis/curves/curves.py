"""Curves over λ: natural against hypocritical risk (Tao et al. 2022, Figures 4 and 6), or any two metrics."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.curves.drawing import COLORS, FONT_SIZE, STYLE, legend_below, plain
from analysis.paper import published
from analysis.tables.lines import METRICS, PERCENT, SETTINGS, Panel, Point, labels, panels, titled, units
from analysis.tables.pareto import undominated

if TYPE_CHECKING:
    import numpy
    import pandas
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (3.4, 2.9)  # inches: one column of a two-column page
_CHARACTERS, _UPWARDS = 48, 41  # that fit across a panel at this size, and along its side

# With marker and dashes each line is known in grey too. The numbers of colours, markers and dashes let 35 lines
# pass before a look comes back.
_MARKERS = ("o", "s", "^", "D", "v", "p", "<")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_SINGLE = ("*", "P", "X", "h")
_MARKER, _SINGLE_MARKER = 3.5, 6.5  # points


def tradeoff_figure(
    frame: pandas.DataFrame, x: str = "R_nat", y: str = "R_hyp_minus", paper: str | None = None
) -> Figure:
    """Draw the runs of `frame` (from `collect`): a panel for every experiment, a line for every defense.

    A line follows λ, which is written at its points unless it is on an axis; error bars are one sample standard
    deviation over seeds, where there are two or more. A defense without λ is one point. Cells without a finished
    run are left out. Of two risks, points that another point of the panel beats in both are hollow; the others are
    the Pareto front.

    Args:
        x: a key of `lines.labels` or `lines.SETTINGS`; over ε a line is a defense at one λ.
        y: a key of `lines.labels`.
        paper: a published table, such as "tao2022/table10", to lie behind every panel as pale lines.

    Raises:
        InputError: when the published table has no such curve.
    """
    experiments = panels(frame, x, y)
    behind = {} if paper is None else published.curves(paper, x, y)
    rows = [experiments[at : at + 2] for at in range(0, len(experiments), 2)] or [[]]
    return draw(rows, x, y, behind, labels=labels(frame), units=units(frame))


def draw(
    rows: Sequence[Sequence[Panel]],
    x: str,
    y: str,
    behind: Mapping[str, list[tuple[float, float]]] | None = None,
    notes: Sequence[str] = (),
    labels: Mapping[str, str] = METRICS,
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Draw `rows` of panels of `x` against `y`, as `tradeoff_figure` does; a defense looks the same in all.

    Args:
        behind: published lines, by names that begin with their defense, to lie behind every panel.
        notes: lines to stand under the panels.
        labels: what the axes are called.
        units: of those that are not in percent.
    """
    import matplotlib
    from matplotlib.figure import Figure

    names = (SETTINGS[x] if x in SETTINGS else labels[x], labels[y])
    apart = units or {}
    titles = (
        SETTINGS[x] if x in SETTINGS else titled(labels[x], apart.get(x, PERCENT)),
        titled(labels[y], apart.get(y, PERCENT)),
    )
    columns = max(1, *map(len, rows))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(columns * _PANEL[0], len(rows) * _PANEL[1]), layout="constrained")
        shown: list[tuple[Axes, Panel]] = []
        for places, row in zip(figure.subplots(len(rows), columns, squeeze=False), rows, strict=True):
            shown += zip(places, row, strict=False)
            for axes in places[len(row) :]:
                axes.set_axis_off()
        looks: dict[str, dict[str, Any]] = {}
        for name in dict.fromkeys(name for _, panel in shown for name in panel.lines):
            everywhere = [panel.lines[name] for _, panel in shown if name in panel.lines]
            looks[name] = _look(x in SETTINGS or any(_is_line(points) for points in everywhere), looks)
        handles: dict[str, Artist] = {}
        hollow = 0
        for axes, panel in shown:
            handles |= _draw(axes, panel, looks, names, titles)
            hollow += _hollow_out(axes, panel, looks) if x.startswith("R_") and y.startswith("R_") else 0
            handles |= _draw_published(axes, behind or {}, looks)
            if x == "lambda" and panel.lines:
                axes.set_xscale("symlog", linthresh=1)
                axes.xaxis.set_major_formatter("{x:g}")
        if handles:
            numbers, dominated = "" if x in SETTINGS else "numbers: λ; ", "; hollow: dominated" if hollow else ""
            notes = [f"{numbers}bars: ± std over seeds{dominated}", *notes]
            legend_below(figure, handles, columns * _CHARACTERS, notes)
        # The labels need to know where the points come to lie.
        figure.draw_without_rendering()
        for axes, panel in shown:
            _label(axes, panel, looks)
    return figure


def _is_line(points: Sequence[Point]) -> bool:
    """Whether they have a λ, or are several."""
    return bool(points[0].label) or len(points) > 1


def _look(is_line: bool, taken: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The next free look: a line, or a grey marker."""
    if is_line:
        return line_look(sum(look["linestyle"] != "none" for look in taken.values()))
    used = sum(look["linestyle"] == "none" for look in taken.values())
    return {"color": "#444444", "marker": _SINGLE[used % len(_SINGLE)], "linestyle": "none"}


def line_look(used: int) -> dict[str, Any]:
    """The look of a line after `used` others."""
    color, marker = COLORS[used % len(COLORS)], _MARKERS[used % len(_MARKERS)]
    return {"color": color, "marker": marker, "linestyle": _DASHES[used % len(_DASHES)]}


def _draw(
    axes: Axes,
    panel: Panel,
    looks: dict[str, dict[str, Any]],
    names: tuple[str, str],
    titles: tuple[str, str],
) -> dict[str, Artist]:
    """Lines, points and error bars of one panel; returns what stands for each defense in the legend."""
    handles: dict[str, Artist] = {}
    for name, points in panel.lines.items():
        x, y, x_error, y_error = _values(points)
        look = looks[name]
        axes.errorbar(
            x, y, y_error, x_error, fmt="none", ecolor=look["color"], elinewidth=0.5, alpha=0.4, zorder=1
        )
        size = _MARKER if look["linestyle"] != "none" else _SINGLE_MARKER
        (handles[name],) = axes.plot(x, y, **look, markersize=size, linewidth=1, markeredgewidth=0.5, zorder=2)
    if not handles:
        text = "no finished run has\n" + " and\n".join(_wrapped(name, _UPWARDS) for name in names)
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")
        axes.set(xticks=[], yticks=[])
    axes.set_title("\n".join(map(plain, textwrap.wrap(panel.heading, _CHARACTERS))))
    axes.set_xlabel(_wrapped(titles[0], _CHARACTERS))
    axes.set_ylabel(_wrapped(titles[1], _UPWARDS))
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(0.08)
    return handles


def _wrapped(label: str, characters: int) -> str:
    return "\n".join(map(plain, textwrap.wrap(label, characters)))


def _hollow_out(axes: Axes, panel: Panel, looks: dict[str, dict[str, Any]]) -> int:
    """Whiten the points that are not on the front, and say how many they are."""
    import numpy

    drawn = [(looks[name], point.x.mean, point.y.mean) for name, points in panel.lines.items() for point in points]
    on_front = undominated(numpy.array([(x, y) for _, x, y in drawn]).reshape(-1, 2))
    for look, x, y in (each for each, survives in zip(drawn, on_front, strict=True) if not survives):
        size = (_MARKER if look["linestyle"] != "none" else _SINGLE_MARKER) - 0.5
        edge = {"edgecolors": look["color"], "linewidths": 0.7, "zorder": 2.5}
        axes.scatter(x, y, size**2, "white", marker=look["marker"], **edge)
    return int((~on_front).sum())


def _draw_published(
    axes: Axes, lines: Mapping[str, list[tuple[float, float]]], looks: dict[str, dict[str, Any]]
) -> dict[str, Artist]:
    """The published lines, each in the colour of ours of the same defense; returns them for the legend."""
    handles: dict[str, Artist] = {}
    for name, points in lines.items():
        ours = looks.get(name.partition(",")[0], {})
        look = {"color": "#444444", "linestyle": "-", **ours, "marker": "none"}
        (handles[name],) = axes.plot(*zip(*points, strict=True), **look, linewidth=3, alpha=0.25, zorder=0)
    return handles


def _label(axes: Axes, panel: Panel, looks: dict[str, dict[str, Any]]) -> None:
    """Write λ at the points of one panel."""
    import numpy

    from analysis.curves.labels import Label, place

    labels, markers, strokes = [], [], []
    for name, points in panel.lines.items():
        x, y, x_error, y_error = _values(points)
        markers.append(numpy.stack([x, y], axis=1))
        for x_at, y_at, x_reach, y_reach in zip(x, y, x_error, y_error, strict=True):
            strokes.append(numpy.array([(x_at - x_reach, y_at), (x_at + x_reach, y_at)]))
            strokes.append(numpy.array([(x_at, y_at - y_reach), (x_at, y_at + y_reach)]))
        labels += [
            Label(x_at, y_at, point.label, looks[name]["color"])
            for point, x_at, y_at in zip(points, x, y, strict=True)
            if point.label
        ]
    if labels:
        place(axes, labels, numpy.concatenate(markers), [*markers, *strokes], font_size=FONT_SIZE - 2)


def _values(points: Sequence[Point]) -> tuple[numpy.ndarray, ...]:
    """Both axes, and the reach of their error bars (0 at one seed); (points,) each."""
    import numpy

    means = numpy.array([[point.x.mean, point.y.mean] for point in points])
    reach = numpy.nan_to_num([[point.x.std, point.y.std] for point in points])
    return means[:, 0], means[:, 1], reach[:, 0], reach[:, 1]
