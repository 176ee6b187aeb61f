"""How many mistakes can be turned into each class: targeted success rates (Tao et al. 2022, Figures 3 and 5).

What already has the target as its prediction needs no attack; it is told apart from what was moved there.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.cells import Cell, blocks
from analysis.drawing import COLORS, STYLE, plain
from hypo.errors import InputError

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HATCHES = ("", "////", "....", "xxxx", "----")
_PANEL_HEIGHT = 2.2  # inches
_CLASS_WIDTH = 0.62


def targeted_rates(frame: pandas.DataFrame) -> pandas.DataFrame:
    """One row for every experiment, cell and target class among the runs of `frame` (from `collect`).

    Columns:
        heading, defense, lambda: of the block and the cell.
        class: the target.
        mistakes: |D⁻|, the mean over seeds.
        already, moved: percent of D⁻ that is predicted as the target, and that the attack moves there, means over
            seeds; they add up to what ends there. already_std, moved_std: NaN at one seed.
        moved_of_others: percent of the mistakes that were not there already, the mean over seeds.
        n: how many seeds.

    Raises:
        InputError: when no finished run was evaluated with targets.
    """
    import pandas

    rows = [
        {"heading": block.heading, "defense": cell.defense, "lambda": cell.lambda_, **row}
        for block in blocks(frame)
        for cell in block.cells
        for row in _rows(cell)
    ]
    if not rows:
        raise InputError("no finished run here was evaluated with targets; evaluation=targeted does that")
    return pandas.DataFrame(rows)


def _rows(cell: Cell) -> list[dict[str, Any]]:
    import pandas

    files = [Path(run) / "result.json" for run in cell.done]
    if gone := [file.parent for file in files if not file.exists()]:
        raise InputError(f"targeted: takes run directories, which W&B's runs are not, got {gone[0]}")
    results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    entries = [
        {
            "class": entry["class"],
            "mistakes": entry["already"]["of"],
            "already": 100 * entry["already"]["count"] / entry["already"]["of"],
            "moved": 100 * entry["moved"]["count"] / entry["already"]["of"],
            "moved_of_others": 100 * entry["moved"]["value"] if entry["moved"]["of"] else None,
        }
        for result in results
        for entry in result.get("targeted", [])
        if entry["already"]["of"]  # without a mistake there is nothing to turn
    ]
    if not entries:
        return []
    seeds = pandas.DataFrame(entries).astype({"moved_of_others": float}).groupby("class", sort=False)
    means = seeds.mean()
    means["already_std"], means["moved_std"] = seeds["already"].std(), seeds["moved"].std()
    means["n"] = seeds.size()
    return means.reset_index().to_dict("records")


def figure(rates: pandas.DataFrame) -> Figure:
    """Draw what `targeted_rates` found: a panel for every experiment, for every class a bar for every cell.

    The pale part of a bar has the target as its prediction already, the full part is moved there; both are percent
    of D⁻. Error bars are one sample standard deviation of the moved part over seeds, where there are two or more.
    """
    import matplotlib
    from matplotlib.figure import Figure

    experiments = list(rates.groupby("heading", sort=False))
    classes = int(rates.groupby("heading")["class"].nunique().max())
    width = max(3.4, min(14.0, _CLASS_WIDTH * classes))
    with matplotlib.rc_context(STYLE):
        result = Figure(figsize=(width, 0.4 + _PANEL_HEIGHT * len(experiments)), layout="constrained")
        panels = result.subplots(len(experiments), 1, squeeze=False, sharey=True).flatten()
        looks: dict[str, Any] = {}
        for axes, (heading, rows) in zip(panels, experiments, strict=True):
            _draw(axes, rows, looks)
            axes.set_title("\n".join(map(plain, textwrap.wrap(str(heading), int(14 * width)))))
        panels[-1].set_xlabel("target class; pale: predicted as it already, full: moved there")
        result.legend(list(looks.values()), list(looks), loc="outside lower center", ncols=3, frameon=False)
    return result


def _draw(axes: Axes, rows: pandas.DataFrame, looks: dict[str, Any]) -> None:
    """Draw one panel; `looks` holds the bars that stand for each cell so far, and a cell looks the same in all."""
    import numpy

    names = list(dict.fromkeys(rows["class"]))
    cells = list(rows.groupby(["defense", "lambda"], sort=False))
    width = 0.8 / len(cells)
    for place, ((defense, lambda_), of_cell) in enumerate(cells):
        label = plain(f"{defense}, λ = {lambda_}" if lambda_ else str(defense))
        index = list(looks).index(label) if label in looks else len(looks)
        by_class = of_cell.set_index("class").reindex(names)
        at = numpy.arange(len(names)) + (place - (len(cells) - 1) / 2) * width
        color, hatch = COLORS[index % len(COLORS)], _HATCHES[index % len(_HATCHES)]
        style: dict[str, Any] = {"color": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
        already, moved = by_class["already"], by_class["moved"]
        axes.bar(at, already, width, alpha=0.35, **style)
        looks[label] = axes.bar(at, moved, width, bottom=already, **style)
        axes.errorbar(at, already + moved, by_class["moved_std"], fmt="none", ecolor="#222222", elinewidth=0.6)
    axes.set_xticks(range(len(names)), [plain(str(name)) for name in names], rotation=30 if len(names) > 6 else 0)
    axes.set_ylabel("mistakes (% of D⁻)")
    axes.spines[["top", "right"]].set_visible(False)
