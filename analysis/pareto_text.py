"""Fronts as Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from analysis import escaping
from analysis.pareto import Fronts, Interval, Pair

_NOTE = (
    "Percent and points; in brackets the middle 95 % when the seeds, paired, are drawn again 1,000 times; "
    "shares are those of the draws. A front at natural risk x is the least R_hyp⁻ among a method's λ with at most "
    "that natural risk, without interpolation."
)


def markdown(found: Sequence[Fronts]) -> str:
    """A heading for every experiment, and a line for everything that is said of it."""
    lines: list[str] = []
    for each in found:
        lines += [f"### {escaping.markdown(each.heading)}", ""]
        lines += [*(f"- {escaping.markdown(line)}" for line in _lines(each)), ""]
    return "\n".join([*lines, _NOTE if found else "No method here has finished runs at several λ.", ""])


def as_json(found: Sequence[Fronts]) -> str:
    """A list with an object for every experiment, its keys those of `Fronts`."""
    return json.dumps([asdict(each) for each in found], indent=1, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Sequence[Fronts]], str]] = {"md": markdown, "json": as_json}


def _lines(found: Fronts) -> Iterator[str]:
    cells = []
    for cell in found.undominated:
        name = f"{cell.defense} λ = {cell.lambda_}" if cell.lambda_ else cell.defense
        cells.append(name + ("" if cell.share is None else f" ({100 * cell.share:.0f} %)"))
    yield f"not dominated, {found.seeds} seed{'s' * (found.seeds > 1)}: {', '.join(cells)}"
    low, high = found.reach
    for method, height in found.heights.items():
        yield f"{method}: R_hyp⁻ on its front, mean over R_nat {low:.2f} to {high:.2f}: {_interval(height)}"
    for pair in found.pairs:
        yield _pair(pair)


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
