"""The classes on which the model does worst."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from analysis.report.found import DrawnCurve, Found

DRAWN = 20
"""So many are shown; result.json has all."""

_NEEDED = ("D", "A", "F")
_SHOWN = (*_NEEDED, "R_adv_plus", "R_hyp_minus")
_TAKEN = (*_SHOWN, "R_nat")  # 1 - D says nothing new


@dataclass(frozen=True)
class ByClass:
    """What is shown of the classes, worst first: those with the lowest A, then D.

    Attributes:
        rows: the name of each and its records by curve, as `DrawnCurve.points` has them.
        classes: how many there are, of which `empty` have no test image.
    """

    rows: tuple[tuple[str, dict[str, dict[str, Any]]], ...]
    classes: int
    empty: int

    @property
    def records(self) -> list[dict[str, Any]]:
        """Those of the chart: one for each class."""
        return [
            {"at": name, **{key: by[key]["value"] for key in _NEEDED}, "of": by["D"]["counts"]}
            for name, by in self.rows
        ]


def take_classes(findings: Iterable[Found]) -> tuple[ByClass | None, tuple[Found, ...]]:
    """What the first finding that has D, A and F over words says of them, and all findings without it."""
    found, left = None, []
    for finding in findings:
        bars = {curve.about.name: curve for curve in finding.curves if curve.chart == "bars"}
        if found is None and all(name in bars for name in _NEEDED):
            found = _by_class(bars)
            finding = replace(
                finding, curves=tuple(each for each in finding.curves if each.about.name not in _TAKEN)
            )
        left.append(finding)
    return found, tuple(left)


def _by_class(bars: dict[str, DrawnCurve]) -> ByClass:
    by_name: dict[str, dict[str, dict[str, Any]]] = {}
    for curve in _SHOWN:
        for point in bars[curve].points if curve in bars else ():
            by_name.setdefault(str(point["at"]), {})[curve] = point
    whole = {
        name: by
        for name, by in by_name.items()
        if all(by.get(key, {}).get("value") is not None for key in _NEEDED)
    }
    rows = sorted(whole.items(), key=lambda row: (row[1]["A"]["value"], row[1]["D"]["value"]))
    return ByClass(tuple(rows[:DRAWN]), len(by_name), len(by_name) - len(whole))
