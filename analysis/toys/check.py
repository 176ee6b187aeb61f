"""A number by its formula beside a computation that does not use the formula, as texts and as records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis import escaping
from analysis.tables import grids
from analysis.tables.records import Record, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Check:
    """One number, found in two ways.

    Attributes:
        where: by the title of a column, what it is a number of.
        quantity: how papers write it.
        formula: NaN where there is none, as a share of nothing.
        found: by sampling or by numerical minimisation.
        error: the standard error that sampling has if the formula is right; None where nothing is random.
        published: what the paper prints, or None.
    """

    where: Mapping[str, str]
    quantity: str
    formula: float
    found: float
    error: float | None = None
    published: float | None = None


@dataclass(frozen=True)
class Toy:
    """What there is to show of a problem.

    Attributes:
        title: a heading.
        checks: all with the same columns.
        notes: what else there is to be known, a line each.
        figure: its picture.
    """

    title: str
    checks: Sequence[Check]
    notes: Sequence[str]
    figure: Figure


def share(
    where: Mapping[str, str], quantity: str, formula: float, count: int, of: int, published: float | None = None
) -> Check:
    """The check of a share of which sampling found `count` out of `of`."""
    found = count / of if of else math.nan
    error = math.sqrt(formula * (1 - formula) / of) if of and not math.isnan(formula) else math.nan
    return Check(where, quantity, formula, found, error, published)


def deviation(check: Check) -> float:
    """By how many standard errors both differ: 0 where they are equal, infinite where they must be and are not."""
    if check.error is None or math.isnan(check.error):
        return math.nan
    distance = check.found - check.formula
    # What rounding makes of equal numbers is no deviation of a share that cannot vary.
    if abs(distance) < 1e-12:
        return 0.0
    return distance / check.error if check.error else math.copysign(math.inf, distance)


def markdown(toy: Toy) -> str:
    """A heading, the table, and the notes under it."""
    columns = list(toy.checks[0].where)
    sampled = any(check.error is not None for check in toy.checks)
    printed = any(check.published is not None for check in toy.checks)
    titles = [*columns, "quantity", "formula", "found"]
    titles += ["standard error", "off by (s.e.)"] * sampled + ["published"] * printed
    rows = []
    for check in toy.checks:
        row = [*check.where.values(), check.quantity, _shown(check.formula), _shown(check.found)]
        row += [_shown(check.error), _shown(deviation(check), "+.1f")] * sampled
        rows.append([*row, *([_shown(check.published)] * printed)])
    notes = [f"- {escaping.markdown(note)}" for note in toy.notes]
    grid = grids.Grid(titles, rows, words=len(columns) + 1)
    return "\n".join([f"### {toy.title}", "", *grids.markdown(grid), "", *notes, ""])


def records(toy: Toy) -> list[Record]:
    """A record for each check."""
    return [
        {
            **check.where,
            "quantity": check.quantity,
            "formula": number(check.formula),
            "found": number(check.found),
            "standard_error": None if check.error is None else number(check.error),
            "published": check.published,
        }
        for check in toy.checks
    ]


def _shown(value: float | None, form: str = ".4f") -> str:
    return "—" if value is None or math.isnan(value) else format(value, form)
