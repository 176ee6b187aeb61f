"""Fronts, as text and as records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from analysis import escaping
from analysis.reading.findings import marked
from analysis.tables import grids
from analysis.tables.pareto import Fronts, Interval, Pair
from analysis.tables.records import Record, formats, number

_NOTE = (
    "Percent and points; in brackets the middle 95 % when the seeds, paired, are drawn again 1,000 times; "
    "shares are those of the draws, and each draw has its own range of R_nat. A front at natural risk x is the "
    "least R_hyp⁻ among a method's λ with at most that natural risk, without interpolation."
)


_NO_FRONT = "No method here has finished runs at several λ."


def markdown(found: Sequence[Fronts]) -> str:
    """A heading for every experiment, and a line for everything that is said of it."""
    lines: list[str] = []
    for each in found:
        lines += [f"### {escaping.markdown(each.heading)}", ""]
        lines += [*(f"- {escaping.markdown(line)}" for line in _lines(each)), ""]
    return "\n".join([*lines, _NOTE if found else _NO_FRONT, ""])


def latex(found: Sequence[Fronts]) -> str:
    """The same lines as paragraphs in small print."""
    lines = [text for each in found for text in (each.heading, *_lines(each))]
    return "\n".join([*grids.small_print([*lines, _NOTE if found else _NO_FRONT]), ""])


def records(found: Sequence[Fronts]) -> list[Record]:
    """One a statement: `quantity` says what `value` is, in percent or points, and `low` and `high` its interval.

    `share` is of the redrawn seeds, in what fraction the cell is not dominated, or there is a crossing.
    """
    return [
        {"heading": each.heading, "seeds": len(each.seeds), **record}
        for each in found
        for record in _statements(each)
    ]


FORMATS: dict[str, Callable[[Sequence[Fronts]], str | bytes]] = {
    "md": markdown,
    "latex": latex,
    **formats(records),
}


def _statements(found: Fronts) -> Iterator[dict[str, Any]]:
    for cell in found.undominated:
        yield _record("not dominated", cell.defense, lambda_=cell.lambda_, share=cell.share)
    for method, height in found.heights.items():
        yield _record("height of the front", method, height)
    for pair in found.pairs:
        first, second = pair.methods
        yield _record("height above that of the other", second, pair.difference, other=first)
        for place in pair.crossings:
            at = pair.last_crossing if place == pair.crossings[-1] else None
            crossing = at or Interval(place, None, None)
            yield _record("R_nat of a crossing", second, crossing, other=first, share=pair.crossing_share)


def _record(
    quantity: str,
    method: str,
    interval: Interval | None = None,
    *,
    other: str = "",
    lambda_: str = "",
    share: float | None = None,
) -> dict[str, Any]:
    ends = {key: getattr(interval, key, None) for key in ("value", "low", "high")}
    numbers = {key: None if value is None else number(value) for key, value in {**ends, "share": share}.items()}
    return {"quantity": quantity, "method": method, "other": other, "lambda": lambda_, **numbers}


def _lines(found: Fronts) -> Iterator[str]:
    if found.left_out:
        some = ", ".join(map(str, found.left_out))
        yield f"left out, since not every cell has a result of it that can be set beside the others: seed {some}"
    if not found.seeds:
        return
    cells = []
    for cell in found.undominated:
        name = marked(f"{cell.defense} λ = {cell.lambda_}" if cell.lambda_ else cell.defense, cell.warnings)
        cells.append(name + ("" if cell.share is None else f" ({100 * cell.share:.0f} %)"))
    yield f"not dominated, {_seeds(len(found.seeds))}: {', '.join(cells)}"
    low, high = found.reach
    if not found.heights:
        yield f"the fronts have only one place in common, R_nat {low:.2f}, and cannot be compared"
    for method, height in found.heights.items():
        yield f"{method}: R_hyp⁻ on its front, mean over R_nat {low:.2f} to {high:.2f}: {_interval(height)}"
    for pair in found.pairs:
        yield _pair(pair)
    yield from found.warnings


def _seeds(count: int) -> str:
    """How many there are, and in how many ways they can be drawn again, which few seeds leave small."""
    return "1 seed" if count == 1 else f"{count} seeds ({math.comb(2 * count - 1, count)} different draws)"


def _pair(pair: Pair) -> str:
    first, second = pair.methods
    at = ", ".join(f"{place:.2f}" for place in pair.crossings)
    crossing = f"they cross at R_nat {at}" if pair.crossings else "they do not cross"
    if pair.crossing_share is not None:
        share = pair.crossing_share if pair.crossings else 1 - pair.crossing_share
        crossing += f" ({100 * share:.0f} % of the draws {'do' if pair.crossings else 'do not'}"
        crossing += f", the last time at {_interval(pair.last_crossing)})" if pair.last_crossing else ")"
    return f"{second} minus {first}: {_interval(pair.difference, '+')}; {crossing}"


def _interval(interval: Interval, sign: str = "") -> str:
    shown = f"{interval.value:{sign}.2f}"
    if interval.low is None or interval.high is None:
        return shown
    return f"{shown} [{interval.low:{sign}.2f}, {interval.high:{sign}.2f}]"
