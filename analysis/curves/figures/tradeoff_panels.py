"""Figures 4, 6 and 7: natural risk against another risk over λ, THRM beside TRADES."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.curves import curves
from analysis.curves.figures import titles
from analysis.paper.published import table
from analysis.tables.cells import Estimate
from analysis.tables.lines import Panel, Point, panels

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_X = "R_nat"
_LOST = "published: numbers that are not in the text which others were copied from"


def figure(runs: pandas.DataFrame, y: str, tables: Sequence[str]) -> Figure:
    """Draw `runs` (rows of `collect`), a panel an experiment, and under them each of the published `tables`.

    Args:
        y: the risk upwards, such as "R_hyp_minus".
        tables: such as "tao2022/table10", of one data set each; none where the numbers are lost.
    """
    ours, theirs = panels(runs, _X, y), [published_panel(name, y) for name in tables]
    rows = [part for row in (ours, theirs) for part in _in_rows(row)]
    numbers = ", ".join(name.rpartition("table")[2] for name in tables)
    note = f"published: Table{'s' if len(tables) > 1 else ''} {numbers}, without std" if tables else _LOST
    return curves.draw(rows, _X, y, notes=["; ".join([note, *_gaps(theirs)])])


def _in_rows(panels: list[Panel]) -> list[list[Panel]]:
    """Three in a row, of four two."""
    columns = 2 if len(panels) == 4 else 3
    return [panels[at : at + columns] for at in range(0, len(panels), columns)]


def published_panel(name: str, y: str) -> Panel:
    """The rows of table `name` that have natural risk and `y`, as lines in the order of λ."""
    lines: dict[str, tuple[Point, ...]] = {}
    rows = [row for row in table(name) if row.setting["lambda"] and {_X, y} <= row.means.keys()]
    for row in sorted(rows, key=lambda row: float(row.setting["lambda"])):
        x_at, y_at = (Estimate(row.means[metric], float("nan"), 1) for metric in (_X, y))
        defense = row.setting["defense"]
        lines[defense] = (*lines.get(defense, ()), Point(x_at, y_at, row.setting["lambda"]))
    return Panel(titles.published(rows[0].setting["dataset"]), lines)


def _gaps(published: Sequence[Panel]) -> list[str]:
    """What one line of a panel has and another has not."""
    found = []
    for panel in published:
        labels = list(dict.fromkeys(point.label for points in panel.lines.values() for point in points))
        for defense, points in panel.lines.items():
            if lacking := [label for label in labels if label not in {point.label for point in points}]:
                found.append(f"{panel.heading} has no {defense} at λ = {', '.join(lacking)}")
    return found
