"""Curves that say more in one chart: what an adversary and what a false friend reach, over the radius."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.report.found import DrawnCurve, Found

PAIRS = {"accuracies": ("A", "F"), "risks": ("R_adv_plus", "R_hyp_minus")}
"""The curves of one chart, the adversary's first, by the name under which the page asks for the chart."""

_KINDS = {
    "A": "A, under an adversary",
    "F": "F, under a false friend",
    "R_adv_plus": "R_adv⁺, correct predictions broken",
    "R_hyp_minus": "R_hyp⁻, mistakes hidden",
}

KINDS = {pair: [_KINDS[name] for name in names] for pair, names in PAIRS.items()}
"""What their lines are called."""


@dataclass(frozen=True)
class Together:
    """One chart: `pair` of PAIRS, the records of its lines, and the words of its horizontal axis."""

    key: str
    pair: str
    axis: str
    points: list[dict[str, Any]]


def drawn_together(finding: Found, epsilon: float | None) -> tuple[tuple[Together, ...], Found]:
    """The charts that the finding's curves over numbers make, and the finding without these curves.

    `epsilon` is the run's own radius, which the charts mark; None for none.
    """
    lines = {curve.about.name: curve for curve in finding.curves if curve.chart == "line"}
    pairs = {pair: names for pair, names in PAIRS.items() if all(name in lines for name in names)}
    charts = tuple(_together(pair, [lines[name] for name in names], epsilon) for pair, names in pairs.items())
    shown = [lines[name] for names in pairs.values() for name in names]
    return charts, replace(finding, curves=tuple(curve for curve in finding.curves if curve not in shown))


def _together(pair: str, curves: Sequence[DrawnCurve], epsilon: float | None) -> Together:
    about = curves[0].about
    points = [{**point, "kind": _KINDS[curve.about.name]} for curve in curves for point in curve.points]
    own = [] if epsilon is None else [{"own": epsilon}]
    return Together(f"{about.finding}.{pair}", pair, about.axis, [*points, *own])
