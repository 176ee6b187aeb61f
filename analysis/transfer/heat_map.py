"""Transfer as a heat map: a row for every source, a column for every target (Tao et al. 2020, Figures 7 and 8)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from analysis.curves.drawing import FONT_SIZE, STYLE, plain
from analysis.transfer.matrix import Cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hypo.measurements.risks import Share

KINDS: dict[str, tuple[str, Callable[[Cell], Share]]] = {
    "hypocritical": ("mistakes of the target that are hidden (%)", lambda cell: cell.hidden),
    "adversarial": ("correct predictions of the target that are broken (%)", lambda cell: cell.broken),
}
"""By the kind of the examples what a cell shows, and which share that is."""

_CELL = 0.42  # inches
_CHARACTER = 0.062
_DARK = 0.5  # from here on numbers are white


def figure(cells: Sequence[Cell], kind: str, heading: str) -> Figure:
    """Draw the examples of one of `KINDS`; a frame marks the diagonal, where the attack sees its target.

    Args:
        cells: of `matrix`.
        heading: what all of it is about, such as data set and ε.
    """
    import matplotlib
    import numpy
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    about, share = KINDS[kind]
    labels = list(dict.fromkeys(cell.source.label for cell in cells))
    count = len(labels)
    values = numpy.array([share(cell).value for cell in cells], dtype=float).reshape(count, count)
    margin = 0.5 + _CHARACTER * max(map(len, labels))
    size = max(1.6, _CELL * count)
    with matplotlib.rc_context(STYLE):
        width = margin + size + 0.7
        result = Figure(figsize=(width, 0.75 * margin + size + 0.6), layout="constrained")
        axes = result.subplots()
        colors = matplotlib.colormaps["Blues"].with_extremes(bad="#e0e0e0")
        image = axes.imshow(values, cmap=colors, vmin=0, vmax=1)
        for row, column in numpy.ndindex(values.shape):
            value = values[row, column]
            text = "–" if numpy.isnan(value) else f"{100 * value:.0f}"
            color = "white" if value > _DARK else "black"
            axes.text(column, row, text, ha="center", va="center_baseline", color=color, fontsize=FONT_SIZE - 1)
        for at in range(count):
            axes.add_patch(Rectangle((at - 0.48, at - 0.48), 0.96, 0.96, fill=False, linewidth=0.9))
        names = [plain(label) for label in labels]
        axes.set_xticks(range(count), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(count), names)
        axes.set(xlabel="target", ylabel="source")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = result.colorbar(image, ax=axes, shrink=0.8, ticks=[0, 0.5, 1], pad=0.02)
        bar.ax.set_yticklabels(["0", "50", "100"])
        bar.outline.set_linewidth(0.4)
        title = textwrap.wrap(f"{kind} examples: {about}", int(14 * width))
        result.suptitle("\n".join(map(plain, [*title, *textwrap.wrap(heading, int(14 * width))])))
    return result
