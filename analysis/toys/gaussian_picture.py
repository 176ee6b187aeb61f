"""What is learnt of two Gaussians, with no adversary and with stronger ones (Figure 4 of Ilyas et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.curves.drawing import COLORS, STYLE, legend_below, legend_height
from analysis.toys.robust_gaussian import cosine

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = (3.4, 2.0)
_REACH = (20.0, 10.0)
"""How far the paper's axes go to either side."""

_SAMPLES = 150  # of each class
_NOTES = (
    "Samples are drawn from each panel's own model. The metric's ball is all x with xᵀΣ⁻¹x ≤ 1; arrows have the "
    "directions of μ and Σ⁻¹μ."
)


@dataclass(frozen=True)
class Model:
    """Parameters and how they came about."""

    name: str
    mean: np.ndarray
    covariance: np.ndarray


def figure(models: Sequence[Model], seed: int) -> Figure:
    """A panel for every model: samples, the unit balls of ℓ2 and of its metric, its mean and its gradient."""
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(2, len(models))
    rows, letters = -(-len(models) // columns), int(14 * columns * _PANEL[0])
    handles: dict[str, object] = {}
    with matplotlib.rc_context(STYLE):
        names = ("y = +1", "y = −1", "ℓ2 unit ball", "unit ball of Σ⁻¹", "μ", "gradient Σ⁻¹μ")
        height = rows * _PANEL[1] + legend_height(names, letters, [_NOTES])
        drawn = Figure(figsize=(columns * _PANEL[0], height), layout="constrained")
        places = drawn.subplots(rows, columns, squeeze=False).flatten()
        for axes, model in zip(places, models, strict=False):
            handles = dict(zip(names, _panel(axes, model, seed), strict=True))
        for axes in places[len(models) :]:
            axes.set_axis_off()
        legend_below(drawn, handles, letters, [_NOTES])
    return drawn


def _panel(axes: Axes, model: Model, seed: int) -> list[object]:
    """Draw one model; returns what stands for each thing in the legend."""
    # The same numbers in every panel, so that what moves is the model.
    numbers = (
        np.random.default_rng(seed).standard_normal((2, _SAMPLES, 2)) @ np.linalg.cholesky(model.covariance).T
    )
    shown: list[object] = []
    for sign, color, marker, of_class in zip((1, -1), COLORS, ("o", "x"), numbers, strict=False):
        points = sign * model.mean + of_class
        look: dict[str, Any] = {"s": 5, "linewidths": 0.5, "alpha": 0.45}
        shown.append(axes.scatter(points[:, 0], points[:, 1], color=color, marker=marker, **look))
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    balls = ((circle, "-", 1.2), (np.linalg.cholesky(model.covariance) @ circle, "--", 1.0))
    shown += [axes.plot(*ball, color=COLORS[4], linestyle=line, linewidth=wide)[0] for ball, line, wide in balls]
    for vector, color in ((model.mean, COLORS[2]), (np.linalg.solve(model.covariance, model.mean), COLORS[3])):
        end = 8 * vector / np.linalg.norm(vector)
        axes.annotate("", end, (0, 0), arrowprops={"arrowstyle": "->", "color": color, "linewidth": 1.6})
        shown.append(axes.plot([], [], color=color, linewidth=1.6)[0])
    axes.set(xlim=(-_REACH[0], _REACH[0]), ylim=(-_REACH[1], _REACH[1]), aspect="equal")
    axes.set(xlabel="feature x₁", ylabel="feature x₂")
    axes.set_title(f"{model.name}; cos(μ, gradient) = {cosine(model.mean, model.covariance):.2f}")
    return shown
