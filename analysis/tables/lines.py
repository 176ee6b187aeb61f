"""What a curve shows: the points of each method, panel by panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.reading.findings import numbers, quantities
from analysis.tables.cells import Block, Cell, Estimate, blocks

if TYPE_CHECKING:
    import pandas

METRICS = {
    "D": "clean accuracy",
    "A": "adversarial accuracy",
    "F": "false-friend accuracy",
    "R_nat": "natural risk",
    "R_adv": "adversarial risk",
    "R_adv_plus": "adversarial risk on D⁺",
    "R_hyp": "hypocritical risk",
    "R_hyp_minus": "hypocritical risk on D⁻",
    "R_hyp_bar_minus": "mistakes that a false friend changes",
    "R_sta": "stability risk",
    "R_sta_minus": "stability risk on D⁻",
    "G_adv": "accuracy that an adversary takes away",
    "G_hyp": "accuracy that a false friend adds",
}
"""What every run has for either axis, in percent."""

PERCENT = "%"
"""The unit of an axis where nothing else is said."""

SETTINGS = {"lambda": "λ", "epsilon": "ε"}
"""What can be on the horizontal axis besides."""


def labels(frame: pandas.DataFrame) -> dict[str, str]:
    """What can be on either axis with the runs of `frame` (from `collect`), and how it is called there."""
    of_findings = quantities(frame["findings"])
    return {**METRICS, **{name: f"{found.symbol}: {found.about}" for name, found in of_findings.items()}}


def units(frame: pandas.DataFrame) -> dict[str, str]:
    """By name the unit on an axis of whatever is not in percent; "" for a number without one."""
    return {name: found.unit for name, found in numbers(frame["findings"]).items()}


def titled(label: str, unit: str) -> str:
    """An axis's title."""
    return f"{label} ({unit})" if unit else label


@dataclass(frozen=True)
class Point:
    """One cell; a setting has no std. `label` is λ as typed, where it is not on an axis."""

    x: Estimate
    y: Estimate
    label: str


@dataclass(frozen=True)
class Panel:
    """One experiment, or over ε all that differ in nothing else; `lines` holds each method's points in order."""

    heading: str
    lines: dict[str, tuple[Point, ...]]


def panels(frame: pandas.DataFrame, x: str, y: str) -> list[Panel]:
    """The points of the runs of `frame` (from `collect`) that are done, `x` against `y`, each a key of the above
    or a share or a number of a finding.

    Over metrics a line is a defense in the order of λ. Over λ it is the same, without the defenses that have
    none; over ε a line is a defense at one λ.
    """
    if x == "epsilon":
        return _over_epsilon(blocks(frame), y)
    found = []
    for block in blocks(frame):
        lines: dict[str, tuple[Point, ...]] = {}
        for cell in block.cells:
            if (x != "lambda" or cell.lambda_) and (point := _point(cell, x, y)):
                lines[cell.defense] = (*lines.get(cell.defense, ()), point)
        found.append(Panel(block.heading, lines))
    return found


def _point(cell: Cell, x: str, y: str) -> Point | None:
    if x == "lambda":
        at, label = Estimate(cell.lambda_value, float("nan"), 1), ""
    else:
        at, label = cell.estimates[x], cell.lambda_
    return Point(at, cell.estimates[y], label) if at.n and cell.estimates[y].n else None


def _over_epsilon(experiments: list[Block], y: str) -> list[Panel]:
    merged: dict[str, dict[str, list[Point]]] = {}
    for block in experiments:
        lines = merged.setdefault(block.heading_but_epsilon, {})
        for cell in block.cells:
            name = f"{cell.defense}, λ = {cell.lambda_}" if cell.lambda_ else cell.defense
            if cell.estimates[y].n:
                at = Estimate(block.epsilon_value, float("nan"), 1)
                lines.setdefault(name, []).append(Point(at, cell.estimates[y], ""))
    in_order = {
        heading: {name: tuple(sorted(points, key=lambda point: point.x.mean)) for name, points in lines.items()}
        for heading, lines in merged.items()
    }
    return [Panel(heading, lines) for heading, lines in in_order.items()]
