"""Ilyas et al. (2019), Figure 3: how often examples of another model transfer, over what is learnt from D_det."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.curves.curves import line_look
from analysis.curves.drawing import FONT_SIZE, STYLE, legend_below, plain
from analysis.curves.figures.over_seeds import Run, estimate, experiments, set_apart
from analysis.tables.cells import Estimate

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FINDING, SUCCESS = "transfer", "R_adv_plus_transfer"

_PANEL = (3.4, 2.9)  # inches
_CHARACTERS = 48
_NOTES = ("bars: ± std over seeds", "the paper's points have no numbers")


def figure(runs: pandas.DataFrame) -> Figure:
    """Draw `runs` (rows of `collect`), a panel an experiment and a point a network.

    Raises:
        InputError: where runs that differ would be averaged.
    """
    import matplotlib
    from matplotlib.figure import Figure

    panels, lacking = {}, set_apart(runs, FINDING)
    for heading, alike in experiments(runs, "dataset"):
        found = _points(heading, alike)
        panels[heading] = {name: point for name, point in found.items() if all(each.n for each in point)}
        lacking += [f"{name} lacks one of its two runs" for name in found if name not in panels[heading]]
    with matplotlib.rc_context(STYLE):
        result = Figure(figsize=(_PANEL[0], 0.3 + len(panels) * _PANEL[1]), layout="constrained")
        places = result.subplots(len(panels), squeeze=False)[:, 0]
        for axes, (heading, drawn) in zip(places, panels.items(), strict=True):
            _draw(axes, drawn)
            axes.set_title("\n".join(map(plain, textwrap.wrap(heading, _CHARACTERS))))
        legend_below(result, {}, _CHARACTERS, [*_NOTES, *lacking])
        result.draw_without_rendering()  # the labels need to know where the points come to lie
        for axes, drawn in zip(places, panels.values(), strict=True):
            _label(axes, drawn)
    return result


def _points(heading: str, runs: list[Run]) -> dict[str, tuple[Estimate, Estimate]]:
    """By network: accuracy of what was trained on D_det, and how often examples transfer to what was not."""
    found = {}
    for name in dict.fromkeys(run["arch"] for run in runs):
        of_name = [run for run in runs if run["arch"] == name]
        learnt = [run for run in of_name if run["training_data"] == "det"]
        attacked = [run for run in of_name if run["training_data"] == "quality" and FINDING in run["findings"]]
        x = estimate(f"{heading}, {name} on det", learnt, lambda run: run["D"])
        y = estimate(f"{heading}, {name} on quality", attacked, lambda run: run.get(SUCCESS))
        found[name] = (x, y)
    return found


def _draw(axes: Axes, found: Mapping[str, tuple[Estimate, Estimate]]) -> None:
    for place, (x, y) in enumerate(found.values()):
        look = {**line_look(place), "linestyle": "none"}
        axes.errorbar(x.mean, y.mean, y.std, x.std, **look, markersize=4, elinewidth=0.6)
    axes.set_xlabel("accuracy of the network trained on D_det (%)")
    axes.set_ylabel("examples that transfer\nto it, trained on D (%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(0.15)


def _label(axes: Axes, found: Mapping[str, tuple[Estimate, Estimate]]) -> None:
    import numpy

    from analysis.curves.labels import Label, place

    points = numpy.array([(x.mean, y.mean) for x, y in found.values()])
    labels = [
        Label(x, y, plain(name), line_look(at)["color"])
        for at, (name, (x, y)) in enumerate(zip(found, points, strict=True))
    ]
    if labels:
        place(axes, labels, points, [points], font_size=FONT_SIZE - 2)
