"""Short labels beside the points of a plot, where they cover as little as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# All lengths here are in points (1/72 inch), so that the outcome is the same at every resolution.
_ANGLES = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_DISTANCES = (6.0, 8.5, 12.0, 17.0, 23.0)
_LEADER_FROM = 10.0
_SPACING = 1.5
_COST_LABEL, _COST_POINT, _COST_LINE, _COST_OUTSIDE, _COST_DISTANCE = 40.0, 30.0, 1.0, 1000.0, 0.35


@dataclass(frozen=True)
class Label:
    """`text` at the point (x, y), in data coordinates."""

    x: float
    y: float
    text: str
    color: str


def place(
    axes: Axes, labels: Sequence[Label], points: np.ndarray, lines: Sequence[np.ndarray], font_size: float
) -> None:
    """Annotate every label's point near by, off the other labels and points and, where it can be, the lines.

    Each label takes the cheapest of 80 places around its point, in turn, until none wants to move; one that
    ends up further away gets a hair line to its point.

    Args:
        axes: with its final limits and layout.
        labels: what to write, at least one, at most a few dozen.
        points: all markers to keep off, (points, 2) in data coordinates.
        lines: polylines to keep off, each (vertices, 2) in data coordinates.
        font_size: in points.
    """
    to_points = axes.transData.transform
    scale = 72 / axes.figure.dpi
    anchors = to_points([(label.x, label.y) for label in labels]) * scale
    markers = to_points(points) * scale
    strokes = np.concatenate([_sampled(to_points(line) * scale) for line in lines])
    low, high = axes.bbox.get_points() * scale
    # The digits of the default font are 0.64 em wide and 0.73 em high.
    sizes = np.array([(0.64 * len(label.text), 0.75) for label in labels]) * font_size

    directions = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
    offsets = np.concatenate([distance * directions for distance in _DISTANCES])
    fixed = []
    for anchor, size in zip(anchors, sizes, strict=True):
        # A wide label moves out sideways by its width, so that the gap to the point is the same all round.
        centres = anchor + offsets + np.sign(np.round(offsets, 6)) * (size - sizes[:, 1].min()) / 2
        inside = ((centres - size / 2 > low) & (centres + size / 2 < high)).all(axis=1)
        cost = _COST_DISTANCE * np.linalg.norm(offsets, axis=1) + _COST_OUTSIDE * ~inside
        cost += _COST_POINT * _covered(centres, size + 5, markers)
        cost += _COST_LINE * _covered(centres, size + _SPACING, strokes)
        fixed.append((centres, cost))

    chosen = np.full((len(labels), 2), np.inf)
    far = np.zeros(len(labels), dtype=bool)
    for _ in range(4):
        for index, (centres, cost) in enumerate(fixed):
            chosen[index] = np.inf
            gap = np.abs(centres[:, None] - chosen) - (sizes[index] + sizes) / 2
            overlaps = (gap < _SPACING).all(axis=2).sum(axis=1)
            best = np.argmin(cost + _COST_LABEL * overlaps)
            chosen[index] = centres[best]
            far[index] = best >= len(_ANGLES) * sum(distance < _LEADER_FROM for distance in _DISTANCES)

    for label, offset, with_leader in zip(labels, chosen - anchors, far, strict=True):
        leader = {"arrowstyle": "-", "color": label.color, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
        note = axes.annotate(
            label.text.replace("$", r"\$"),
            (label.x, label.y),
            xytext=tuple(offset),
            textcoords="offset points",
            ha="center",
            va="center_baseline",
            fontsize=font_size,
            color=label.color,
            arrowprops=leader if with_leader else None,
        )
        note.set_in_layout(False)


def _sampled(line: np.ndarray) -> np.ndarray:
    """The polyline as points about one point (1/72 inch) apart; line is (vertices, 2)."""
    pieces = [line]
    for start, end in pairwise(line):
        steps = int(np.ceil(np.linalg.norm(end - start))) + 1
        pieces.append(start + np.linspace(0, 1, steps)[:, None] * (end - start))
    return np.concatenate(pieces)


def _covered(centres: np.ndarray, size: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How many of `points` lie in the box of `size` around each centre; (centres,)."""
    return (np.abs(points - centres[:, None]) < size / 2).all(axis=2).sum(axis=1)
