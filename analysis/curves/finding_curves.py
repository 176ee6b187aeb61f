"""What a measurement found over a variable of its own: a line a cell over numbers, bars over words."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.curves.curves import line_look
from analysis.curves.drawing import STYLE, hatch, legend_below, legend_height, plain
from analysis.reading.findings import Curve, points
from analysis.tables.cells import Cell, blocks, differing

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (3.4, 2.9)  # inches: one column of a two-column page
_WORD_WIDTH = 0.62
_LETTERS = 14  # that fit in an inch
_BESIDE = 26  # that fit along the side of a panel
_NAMED = 20  # words that have room for their names; of more, some have their number


@dataclass(frozen=True)
class At:
    """A mean over seeds at one value of the variable, with what its bar or band reaches; percent.

    low, high: one sample standard deviation over seeds to either side; of one seed its 95 % interval, and the mean
        itself where it has none.
    """

    at: float | str
    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Panel:
    """One experiment: the curve of each cell that has it, by the cell's name, and what is to be known of them."""

    heading: str
    cells: Mapping[str, tuple[At, ...]]
    notes: tuple[str, ...]


def panels(frame: pandas.DataFrame, curve: Curve) -> list[Panel]:
    """The curve in every experiment among the runs of `frame` (from `collect`) of which a run has it."""
    by_run = frame.set_index("directory")["findings"]
    found = []
    for block in blocks(frame):
        cells: dict[str, tuple[At, ...]] = {}
        notes = []
        for cell in block.cells:
            of_cell = [by_run[directory] for directory in cell.done]
            name = f"{cell.defense}, λ = {cell.lambda_}" if cell.lambda_ else cell.defense
            if over := _over(of_cell, curve):
                cells[name] = over
                notes += _notes(name, cell, of_cell, curve)
        if cells:
            found.append(Panel(block.heading, cells, tuple(notes)))
    return found


def _notes(name: str, cell: Cell, of_cell: Sequence[Mapping[str, Any]], curve: Curve) -> list[str]:
    having = sum(points(findings, curve) is not None for findings in of_cell)
    notes = [f"{name}: {having} of {cell.runs} seeds"] if having < cell.runs else []
    if curve.finding in differing(of_cell):
        notes.append(f"{name}: measured with different settings")
    return notes


def _over(of_cell: Sequence[Mapping[str, Any]], curve: Curve) -> tuple[At, ...]:
    """The means at each value of the variable: numbers in their order, words as they come."""
    import numpy

    by_value: dict[float | str, list[dict[str, Any]]] = {}
    for findings in of_cell:
        for point in points(findings, curve) or ():
            if point["value"] is not None:
                by_value.setdefault(point["at"], []).append(point)
    found = []
    for at, of_seeds in by_value.items():
        values = 100 * numpy.array([point["value"] for point in of_seeds])
        mean = low = high = float(values.mean())
        if len(values) > 1:
            std = float(values.std(ddof=1))
            low, high = mean - std, mean + std
        elif of_seeds[0]["interval"] is not None:
            low, high = (100 * end for end in of_seeds[0]["interval"])
        found.append(At(at, mean, low, high, len(values)))
    if any(isinstance(each.at, str) for each in found):
        return tuple(found)
    return tuple(sorted(found, key=lambda each: float(each.at)))


def figure(experiments: Sequence[Panel], curve: Curve) -> Figure:
    """Draw what `panels` found, a panel an experiment; a cell looks the same in all.

    Bands and error bars are one sample standard deviation over seeds to either side, or at one seed the interval
    of the share.
    """
    import matplotlib
    from matplotlib.figure import Figure

    words = list(dict.fromkeys(str(each.at) for each in _all(experiments) if isinstance(each.at, str)))
    columns = 1 if words else min(2, max(1, len(experiments)))
    rows = -(-max(1, len(experiments)) // columns)
    width = max(3.4, min(14.0, _WORD_WIDTH * len(words))) if words else columns * _PANEL[0]
    looks: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for panel in experiments for name in panel.cells):
        looks[name] = line_look(len(looks))
    reach = _reaches(experiments, "bars" if words else "bands")
    apart = "; ".join(note for panel in experiments for note in panel.notes)
    notes, letters = [f"{curve.title}; {reach}", apart], int(_LETTERS * width)
    height = rows * _PANEL[1] + legend_height(looks, letters, notes)
    with matplotlib.rc_context(STYLE):
        result = Figure(figsize=(width, height), layout="constrained")
        places = result.subplots(rows, columns, squeeze=False).flatten()
        handles: dict[str, Any] = {}
        across = int(_LETTERS * width / columns)
        for axes, panel in zip(places, experiments, strict=False):
            handles |= _bars(axes, panel, words, looks) if words else _lines(axes, panel, looks)
            axes.set_title("\n".join(map(plain, textwrap.wrap(panel.heading, across))))
            axes.set_xlabel(_wrapped(curve.axis, across))
            axes.set_ylabel(_wrapped(f"{curve.about} (%)", _BESIDE))
            axes.spines[["top", "right"]].set_visible(False)
        for axes in places[len(experiments) :]:
            axes.set_axis_off()
        legend_below(result, handles, letters, notes)
    return result


def _all(experiments: Sequence[Panel]) -> list[At]:
    return [each for panel in experiments for cell in panel.cells.values() for each in cell]


def _reaches(experiments: Sequence[Panel], name: str) -> str:
    seeds = {each.n > 1 for each in _all(experiments)}
    over, one = f"{name}: ± std over seeds", "95 % interval"
    return f"{over}, at one seed its {one}" if len(seeds) > 1 else over if True in seeds else f"{name}: {one}"


def _wrapped(text: str, characters: int) -> str:
    return "\n".join(map(plain, textwrap.wrap(text, characters)))


def _lines(axes: Axes, panel: Panel, looks: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A line with its band for every cell; returns what stands for each in the legend."""
    handles = {}
    for name, over in panel.cells.items():
        at = [each.at for each in over]
        look = looks[name]
        low, high = [each.low for each in over], [each.high for each in over]
        axes.fill_between(at, low, high, color=look["color"], alpha=0.15, linewidth=0)
        (handles[name],) = axes.plot(at, [each.mean for each in over], **look, markersize=3.5, linewidth=1)
    return handles


def _bars(axes: Axes, panel: Panel, words: Sequence[str], looks: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A bar for every word and cell; returns what stands for each cell in the legend."""
    handles = {}
    width = 0.8 / len(panel.cells)
    names = list(looks)
    for place, (name, over) in enumerate(panel.cells.items()):
        at = [words.index(str(each.at)) + (place - (len(panel.cells) - 1) / 2) * width for each in over]
        hatched = hatch(names.index(name)) if len(words) <= _NAMED else ""
        reach = [
            [max(0.0, each.mean - each.low) for each in over],
            [max(0.0, each.high - each.mean) for each in over],
        ]
        style: dict[str, Any] = {"hatch": hatched, "edgecolor": "white", "linewidth": 0}
        means = [each.mean for each in over]
        handles[name] = axes.bar(at, means, width, color=looks[name]["color"], **style)
        axes.errorbar(at, means, reach, fmt="none", ecolor="#222222", elinewidth=0.6)
    step = math.ceil(len(words) / _NAMED)
    shown = list(words) if step == 1 else [str(number) for number in range(0, len(words), step)]
    slanted: dict[str, Any] = {}
    if max(map(len, shown)) > _LETTERS * _WORD_WIDTH:
        slanted = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}  # so that a long one ends at its tick
    axes.set_xticks(range(0, len(words), step), list(map(plain, shown)), **slanted)
    axes.set_xlim(-0.6, len(words) - 0.4)
    axes.set_ylim(bottom=0)
    return handles
