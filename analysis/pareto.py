"""Which λ of which method is not dominated, how low each method's front lies, and where two fronts cross.

A point is a cell: its natural risk and its hypocritical risk on D⁻, means over seeds, in percent; less of either
is better. A front is a staircase: at natural risk x, the least hypocritical risk of a method's cells with at most
that natural risk. Nothing is interpolated, since no model between two λ was trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.cells import Block, blocks

if TYPE_CHECKING:
    import pandas

_RESAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """A value, and the middle 95 % of it when the seeds are drawn again; low and high are None at one seed."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Undominated:
    """A cell that no cell of any method beats in one risk without losing in the other.

    Attributes:
        share: of the redrawn seeds, in what fraction it is so; None at one seed.
    """

    defense: str
    lambda_: str
    share: float | None


@dataclass(frozen=True)
class Pair:
    """Two methods' fronts.

    Attributes:
        difference: how much higher the second's front lies than the first's, on average, in points.
        crossings: the natural risks at which the lower of the two changes, in percent.
        last_crossing: the largest of them, from which on nothing changes, over the redraws that have one; None
            where there is none.
        crossing_share: of the redrawn seeds, in what fraction there is a crossing; None at one seed.
    """

    methods: tuple[str, str]
    difference: Interval
    crossings: tuple[float, ...]
    last_crossing: Interval | None
    crossing_share: float | None


@dataclass(frozen=True)
class Fronts:
    """What is said about one experiment.

    Attributes:
        reach: the natural risks over which fronts are averaged: from where all methods have a cell to the largest
            of any front, in percent.
        heights: for each method with several λ the mean of its front over `reach`, the area under it by its width.
    """

    heading: str
    seeds: int
    undominated: tuple[Undominated, ...]
    reach: tuple[float, float]
    heights: dict[str, Interval]
    pairs: tuple[Pair, ...]


def fronts(frame: pandas.DataFrame) -> list[Fronts]:
    """The fronts of every experiment in `frame` (from `collect`) that has a method with several λ."""
    return [found for block in blocks(frame) for found in _fronts(frame, block)]


def undominated(points: np.ndarray) -> np.ndarray:
    """Whether no point is as good in both columns and better in one; (points, 2) to (points,), False for NaN."""
    no_worse = (points[:, None] <= points).all(axis=2)
    better = (points[:, None] < points).any(axis=2)
    return ~(no_worse & better).any(axis=0) & ~np.isnan(points).any(axis=1)


def staircase(points: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The front of `points`, (points, 2), at the natural risks `at`, (places,); infinite left of its first."""
    reached = np.where(points[:, 0] <= at[:, None], points[:, 1], np.inf)
    return reached.min(axis=1)


def _fronts(frame: pandas.DataFrame, block: Block) -> Iterator[Fronts]:
    cells = [cell for cell in block.cells if cell.estimates["R_nat"].n and cell.estimates["R_hyp_minus"].n]
    names = [cell.defense for cell in cells]
    methods = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if not methods:
        return
    runs = [frame[frame["directory"].isin(cell.done)] for cell in cells]
    seeds = sorted({int(seed) for of_cell in runs for seed in of_cell["seed"]})
    values = np.full((len(cells), len(seeds), 2), np.nan)
    for row, of_cell in zip(values, runs, strict=True):
        for seed, *risks in of_cell[["seed", "R_nat", "R_hyp_minus"]].itertuples(index=False):
            row[seeds.index(int(seed))] = [100 * risk for risk in risks]
    values[np.isnan(values).any(axis=2)] = np.nan  # a seed without mistakes has no hypocritical risk to set beside

    members = {method: np.array([name == method for name in names]) for method in methods}
    whole = _measured(_mean(values), members)
    drawn: list[dict[Any, Any]] = []
    if len(seeds) > 1:
        generator = np.random.default_rng(0)
        for draw in generator.integers(len(seeds), size=(_RESAMPLES, len(seeds))):
            drawn.append(_measured(_mean(values[:, draw]), members))

    def interval(key: object) -> Interval:
        again = [measured[key] for measured in drawn if key in measured]
        low, high = np.quantile(again, [0.025, 0.975]) if again else (None, None)
        return Interval(whole[key], *(None if end is None else float(end) for end in (low, high)))

    def share(of: Sequence[bool]) -> float | None:
        return float(np.mean(of)) if len(of) else None

    yield Fronts(
        heading=block.heading,
        seeds=len(seeds),
        undominated=tuple(
            Undominated(cell.defense, cell.lambda_, share([measured["undominated"][index] for measured in drawn]))
            for index, cell in enumerate(cells)
            if whole["undominated"][index]
        ),
        reach=whole["reach"],
        heights={method: interval(method) for method in methods},
        pairs=tuple(
            Pair(
                pair,
                interval(pair),
                tuple(whole["crossings", pair]),
                interval(("last crossing", pair)) if whole["crossings", pair] else None,
                share([bool(measured["crossings", pair]) for measured in drawn]),
            )
            for pair in combinations(methods, 2)
        ),
    )


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the seeds, (cells, seeds, 2) to (cells, 2); NaN for a cell of which none was drawn."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=1) / known.sum(axis=1)


def _measured(points: np.ndarray, members: dict[str, np.ndarray]) -> dict[Any, Any]:
    """Everything that is said about the points (cells, 2) of one draw of the seeds."""
    found: dict[Any, Any] = {"undominated": undominated(points)}
    of_method = {method: points[chosen & ~np.isnan(points).any(axis=1)] for method, chosen in members.items()}
    firsts = [cells[:, 0].min() for cells in of_method.values() if len(cells)]
    lasts = [cells[undominated(cells), 0].max() for cells in of_method.values() if len(cells)]
    low, high = max(firsts), max(lasts)
    found["reach"] = (float(low), float(high))
    steps = np.unique(np.concatenate([points[:, 0][(points[:, 0] > low) & (points[:, 0] < high)], [low, high]]))
    # Between two steps all fronts are level, at their height over the left one.
    widths = np.diff(steps) if high > low else np.ones(1)
    levels = {
        method: staircase(cells, steps[:-1] if high > low else steps)
        for method, cells in of_method.items()
        if len(cells)
    }
    found |= {method: float(np.average(level, weights=widths)) for method, level in levels.items()}
    for first, second in combinations(members, 2):
        found["crossings", (first, second)] = []
        if first in levels and second in levels:
            found[first, second] = found[second] - found[first]
            changes = _sign_changes(levels[first] - levels[second], steps)
            found["crossings", (first, second)] = changes
            found |= {("last crossing", (first, second)): changes[-1]} if changes else {}
    return found


def _sign_changes(differences: np.ndarray, steps: np.ndarray) -> list[float]:
    """Where the differences on the level pieces change sign; a piece without one belongs to the piece before."""
    crossings, last = [], 0.0
    for difference, start in zip(np.sign(differences), steps, strict=False):
        if difference and last and difference != last:
            crossings.append(float(start))
        last = difference or last
    return crossings
