"""A comparison of two methods, as text and as records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from analysis import escaping
from analysis.reading.findings import marked
from analysis.tables import grids
from analysis.tables.cells import SYMBOLS
from analysis.tables.compare import ONE_SEED, Difference, at_lambda
from analysis.tables.records import Record, formats


def markdown(differences: Sequence[Difference]) -> str:
    """A table for every experiment, a sentence for every line of it, and how to read them."""
    lines: list[str] = []
    for heading, rows in _by_experiment(differences):
        lines += [f"### {escaping.markdown(heading)}", "", *grids.markdown(_grid(rows)), ""]
        lines += [
            *(f"- {escaping.markdown(line)}" for line in (*(row.claim for row in rows), *_warnings(rows))),
            "",
        ]
    return "\n".join([*lines, _note(differences), ""])


def latex(differences: Sequence[Difference]) -> str:
    r"""A `tabular` for every experiment, which needs only `\usepackage{booktabs}`, and its sentences under it."""
    found = [
        grids.latex(_grid(rows), [heading, *(row.claim for row in rows), *_warnings(rows)])
        for heading, rows in _by_experiment(differences)
    ]
    return "\n".join([*found, *grids.small_print([_note(differences)]), ""])


def _by_experiment(differences: Sequence[Difference]) -> Iterator[tuple[str, list[Difference]]]:
    for heading, group in groupby(differences, key=lambda difference: difference.heading):
        yield heading, list(group)


def _warnings(rows: Sequence[Difference]) -> list[str]:
    return list(dict.fromkeys(text for row in rows for text in row.warnings))


def _note(differences: Sequence[Difference]) -> str:
    tests = sum(not math.isnan(difference.p) for difference in differences)
    one_seed = f" One seed {ONE_SEED}." if any(difference.seeds == 1 for difference in differences) else ""
    chance = f"; of {tests} such tests {0.05 * tests:.2g} fall below 5 % by chance alone" if tests else ""
    return (
        "Percent and points. Differences are taken seed by seed (n of them), with Student's 95 % interval and p"
        f"{chance}. On single test examples: how "
        "many have the same outcome under both, on how many only one is right (D, F) or unbroken (A), over "
        "all seeds, and McNemar's exact p seed by seed, which speaks of these models, not of other trainings."
        f"{one_seed}"
    )


def _grid(rows: Sequence[Difference]) -> grids.Grid:
    first, second = rows[0].methods
    if first == second:
        first, second = (_at_its_lambda(rows, side) for side in (0, 1))
    numbers = [first, second, "difference", "p", "n", "same outcome", f"only {first}", f"only {second}"]
    return grids.Grid(["λ", "metric", *numbers], [_row(row) for row in rows], words=2)


def _at_its_lambda(rows: Sequence[Difference], side: int) -> str:
    """The method of one side, with its λ where that is the same in all rows."""
    lambdas = {row.lambdas[side] for row in rows}
    return at_lambda(rows[0].methods[side], lambdas.pop() if len(lambdas) == 1 else "")


def _row(row: Difference) -> list[str]:
    difference = f"{row.points:+.2f}"
    if not math.isnan(row.p):
        difference += f" [{row.low:+.2f}, {row.high:+.2f}]"
    found = ["—", "—", "—"]
    if row.disagreement:
        p = ", ".join(f"{value:.2g}" for value in row.disagreement.p)
        found = [
            f"{row.disagreement.agreement:.2f} % (p {p})",
            str(row.disagreement.first_only),
            str(row.disagreement.second_only),
        ]
    p = "—" if math.isnan(row.p) else f"{row.p:.2g}"
    numbers = [
        f"{row.first:.2f}",
        f"{row.second:.2f}",
        difference,
        p,
        marked(str(row.seeds), row.warnings),
        *found,
    ]
    lambdas = " and ".join(dict.fromkeys(filter(None, row.lambdas)))
    return [lambdas, SYMBOLS[row.metric], *numbers]


def records(differences: Sequence[Difference]) -> list[Record]:
    """One record a line of the table; None for what is not there."""
    return [
        {
            "heading": row.heading,
            "first": row.methods[0],
            "second": row.methods[1],
            "first_lambda": row.lambdas[0],
            "second_lambda": row.lambdas[1],
            "metric": row.metric,
            "unit": "percent",
            "first_mean": row.first,
            "second_mean": row.second,
            "difference": row.points,
            "low": None if math.isnan(row.low) else row.low,
            "high": None if math.isnan(row.high) else row.high,
            "p": None if math.isnan(row.p) else row.p,
            "seeds": row.seeds,
            "examples": row.disagreement.examples if row.disagreement else None,
            "first_only": row.disagreement.first_only if row.disagreement else None,
            "second_only": row.disagreement.second_only if row.disagreement else None,
            "mcnemar_p": list(row.disagreement.p) if row.disagreement else None,
            "sentence": row.sentence,
            "warnings": list(row.warnings),
        }
        for row in differences
    ]


FORMATS: dict[str, Callable[[Sequence[Difference]], str | bytes]] = {
    "md": markdown,
    "latex": latex,
    **formats(records),
}
