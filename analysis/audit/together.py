"""Curves that say more in one chart: what an adversary and what a false friend reach, over the radius."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.report.found import DrawnCurve, Found

PAIRS = {"accuracies": ("A", "F"), "risks": ("R_adv_plus", "R_hyp_minus")}
"""What is drawn in one chart, the adversary's first, by the name under which the page asks for the chart."""

CERTIFIED = "_certified"
"""How the names of curves end that no attack exceeds; they lie in the chart of what was found."""

_KINDS = {
    "A": "A, under an adversary",
    "F": "F, under a false friend",
    "R_adv_plus": "R_adv⁺, correct predictions broken",
    "R_hyp_minus": "R_hyp⁻, mistakes hidden",
}

KINDS = {pair: [_KINDS[name] for name in names] for pair, names in PAIRS.items()}
"""What the lines are called."""


@dataclass(frozen=True)
class Together:
    """One chart: `pair` of PAIRS, the records of its lines, and the words of its horizontal axis."""

    key: str
    pair: str
    axis: str
    points: list[dict[str, Any]]

    @property
    def chart(self) -> str:
        """Its name; with certified lines it tells two kinds of lines apart."""
        return of_pair(self.pair, any(point.get("how") == "certified" for point in self.points))


def of_pair(pair: str, certified: bool) -> str:
    """The chart of a pair, with or without certified lines."""
    return f"{pair}{CERTIFIED}" if certified else pair


def drawn_together(finding: Found, epsilon: float | None) -> tuple[tuple[Together, ...], Found]:
    """The charts that the finding's curves over numbers make, and the finding without these curves.

    `epsilon` is the run's own radius, which the charts mark; None for none.
    """
    lines = {curve.about.name: curve for curve in finding.curves if curve.chart == "line"}
    charts, shown = [], []
    for pair, names in PAIRS.items():
        both = [
            [lines[f"{name}{suffix}"] for name in names]
            for suffix in ("", CERTIFIED)
            if all(f"{name}{suffix}" in lines for name in names)
        ]
        if curves := [curve for each in both for curve in each]:
            charts.append(_together(pair, curves, epsilon))
            shown += curves
    return tuple(charts), replace(finding, curves=tuple(each for each in finding.curves if each not in shown))


def _together(pair: str, curves: Sequence[DrawnCurve], epsilon: float | None) -> Together:
    about = curves[0].about
    points = []
    for curve in curves:
        name = curve.about.name.removesuffix(CERTIFIED)
        how = "found" if name == curve.about.name else "certified"
        points += [{**point, "kind": _KINDS[name], "how": how} for point in curve.points]
    own = [] if epsilon is None else [{"own": epsilon}]
    return Together(f"{about.finding}.{pair}", pair, about.axis, [*points, *own])
