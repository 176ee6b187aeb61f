"""The four figures of the disc and the line as one: the problem, its areas, and the curves over the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.curves.drawing import COLORS, FONT_SIZE, STYLE
from analysis.toys.disc_and_line import CENTRE, QUANTITIES, RADIUS, ratios, tradeoff

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN_AT = 0.5
"""The threshold of Figures 9 and 10."""

_RIGHT, _WRONG = "#CDE7DC", "#F3C9B5"
_PALE, _FULL = "#D9D9D9", "#0072B2"
_PIXELS = 400

_PARTS = {
    "precision": "precision\ntrue of called positive",
    "recall": "recall\ncalled of all positive",
    "R_adv_plus": "R_adv⁺\nnear the line of correct",
    "R_hyp_minus": "R_hyp⁻\nnear the line of mistakes",
}


def figure(epsilon: float) -> Figure:
    """Figures 9, 11 and 12 above, and below, as in Figure 10, each ratio's areas: the full one of both."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**STYLE, "hatch.linewidth": 0.4}):
        drawn = Figure(figsize=(7.0, 4.9), layout="constrained")
        grid = drawn.add_gridspec(2, 12, height_ratios=(1.35, 1))
        problem, pair, risks = (drawn.add_subplot(grid[0, 4 * at : 4 * at + 4]) for at in range(3))
        _problem(problem, epsilon)
        _over_threshold(pair, ("precision", "recall"), epsilon, dotted=tradeoff())
        _over_threshold(risks, ("R_adv_plus", "R_hyp_minus"), epsilon)
        for at, (name, title) in enumerate(_PARTS.items()):
            _ratio(drawn.add_subplot(grid[1, 3 * at : 3 * at + 3]), name, title, epsilon)
    return drawn


def _problem(axes: Axes, epsilon: float) -> None:
    """What is right and wrong at the threshold shown, and the strip from which the line can be crossed."""
    positive, called, _ = _regions(epsilon)
    _paint(axes, [(positive == called, _RIGHT), (positive != called, _WRONG)])
    # Drawn twice: a hatch has the colour of the edge, and the strip is to have none.
    axes.axhspan(
        *(_SHOWN_AT - epsilon, _SHOWN_AT + epsilon),
        facecolor="none",
        edgecolor="#777777",
        hatch="////",
        linewidth=0,
    )
    _outlines(axes)
    axes.set(xlabel="x₁", ylabel="x₂", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    axes.set_title(f"b = {_SHOWN_AT}: green right, red wrong,\nhatched within ε = {epsilon:g} of the line")


def _ratio(axes: Axes, name: str, title: str, epsilon: float) -> None:
    """The area that a share is taken of, and in it the one that is counted."""
    positive, called, near = _regions(epsilon)
    right = positive == called
    of = {"precision": called, "recall": positive, "R_adv_plus": right, "R_hyp_minus": ~right}[name]
    counted = {"precision": positive, "recall": called, "R_adv_plus": near, "R_hyp_minus": near}[name]
    _paint(axes, [(of, _PALE), (of & counted, _FULL)])
    _outlines(axes)
    axes.set(xticks=[], yticks=[])
    value = float(ratios(np.array([_SHOWN_AT]), epsilon)[name][0])
    axes.set_title(title)
    axes.set_xlabel(f"full / (full + pale) = {value:.4f}", fontsize=FONT_SIZE - 1)


def _regions(epsilon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """On a grid over the square, (x₂, x₁): what is positive, what is called so, what is near the line."""
    middles = (np.arange(_PIXELS) + 0.5) / _PIXELS
    x1, x2 = np.meshgrid(middles, middles)
    return np.hypot(x1 - CENTRE, x2 - CENTRE) < RADIUS, x2 > _SHOWN_AT, np.abs(x2 - _SHOWN_AT) <= epsilon


def _paint(axes: Axes, layers: list[tuple[np.ndarray, str]]) -> None:
    from matplotlib.colors import to_rgb

    picture = np.ones((_PIXELS, _PIXELS, 3))
    for where, color in layers:
        picture[where] = to_rgb(color)
    axes.imshow(picture, origin="lower", extent=(0, 1, 0, 1), interpolation="nearest")


def _outlines(axes: Axes) -> None:
    from matplotlib.patches import Circle

    circle = Circle((CENTRE, CENTRE), RADIUS, fill=False, edgecolor=COLORS[4], linewidth=0.8, linestyle="--")
    axes.add_patch(circle)
    axes.axhline(_SHOWN_AT, color=COLORS[4], linewidth=1)


def _over_threshold(axes: Axes, names: tuple[str, str], epsilon: float, dotted: tuple[float, ...] = ()) -> None:
    b = np.linspace(0, 1, 501)
    found = ratios(b, epsilon)
    for name, color, line in zip(names, COLORS, ("-", "--"), strict=False):
        axes.plot(b, found[name], color=color, linestyle=line, linewidth=1.2, label=QUANTITIES[name])
    for at in dotted:
        axes.axvline(at, color="#777777", linewidth=0.8, linestyle=":")
    axes.set(xlabel="threshold b", xlim=(0, 1), ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best")
    axes.set_title(" and ".join(QUANTITIES[name] for name in names))
