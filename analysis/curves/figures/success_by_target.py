"""Figures 3 and 5: how many mistakes can be hidden ("y"), beside how many can be turned into each class."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from analysis.curves.drawing import FONT_SIZE, STYLE, legend_below, plain
from analysis.curves.figures import titles
from analysis.curves.targeted import HYPOCRITICAL, READING, draw, page_width, targeted_rates
from analysis.paper.published import table

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_TABLES = ("tao2022/table8", "tao2022/table9")
_HEIGHTS = (2.2, 1.5)  # inches: of a panel of ours, and of the published ones
_PERCENT = (0, 105)
_NOTES = (
    "bars: ± std over seeds",
    "published: y alone, by Theorem 4.4 from D and F of Tables 8 and 9; "
    "the paper prints no numbers of the targets and no std of y",
)


def figure(runs: pandas.DataFrame, training_data: str) -> Figure:
    """Draw `runs` (rows of `collect`), a panel an experiment, and what was published of `training_data`.

    Raises:
        InputError: when no run is done that was measured with targets and made a mistake.
    """
    import matplotlib
    from matplotlib.figure import Figure

    rates = targeted_rates(runs)
    ours, theirs = list(rates.groupby("heading", sort=False)), published_panels(training_data)
    width = max(7.0, page_width(rates))
    tall, low = _HEIGHTS
    heights = [tall] * len(ours) + [low]
    with matplotlib.rc_context(STYLE):
        result = Figure(figsize=(width, 1.0 + sum(heights)), layout="constrained")
        grid = result.add_gridspec(len(heights), len(theirs), height_ratios=heights)
        looks: dict[str, Any] = {}
        for row, (heading, of_experiment) in enumerate(ours):
            axes = result.add_subplot(grid[row, :])
            draw(axes, of_experiment, looks)
            axes.set_title("\n".join(map(plain, textwrap.wrap(str(heading), int(14 * width)))))
            axes.set_ylim(*_PERCENT)
        axes.set_xlabel(READING)
        for column, (heading, of_dataset) in enumerate(theirs.items()):
            axes = result.add_subplot(grid[-1, column])
            draw(axes, of_dataset, looks)
            axes.set_title(heading, fontsize=FONT_SIZE - 1)
            axes.set(xlim=(-1.5, 1.5), ylim=_PERCENT)
            if column:
                axes.set(ylabel="", yticklabels=[])
        legend_below(result, looks, int(14 * width), _NOTES)
    return result


def published_panels(training_data: str) -> dict[str, pandas.DataFrame]:
    """For every data set, by the panel's title, the row "y" of each defense, as `targeted_rates` has it."""
    import pandas

    found: dict[str, list[dict[str, Any]]] = {titles.published(dataset): [] for dataset in titles.IN_ORDER}
    for row in (row for name in _TABLES for row in table(name)):
        setting = row.setting
        if setting["data"] == training_data:
            hidden = row.means["R_hyp_minus"]
            parts = {"already": 0.0, "moved": hidden, "reached": hidden, "reached_std": float("nan")}
            target = {"defense": setting["defense"], "lambda": setting["lambda"], "class": "y", **parts}
            found[titles.published(setting["dataset"])].append({"attack": HYPOCRITICAL, **target})
    return {title: pandas.DataFrame(rows) for title, rows in found.items()}
