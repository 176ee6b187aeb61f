"""Which λ of which method is not dominated, how low each method's front lies, and where two fronts cross.

A point is a cell: its natural risk and its hypocritical risk on D⁻, means over the seeds that all cells have,
in percent; less of either is better. A front is a staircase: at natural risk x, the least hypocritical risk of
a method's cells with at most that natural risk. Nothing is interpolated, since no model between two λ was
trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.tables.cells import Block, blocks

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
        warnings: what findings of its runs warn of.
    """

    defense: str
    lambda_: str
    share: float | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two methods' fronts.

    Attributes:
        difference: how much higher the second's front lies than the first's, on average, in points.
        crossings: the natural risks at which the lower of the two changes, in percent.
        last_crossing: the largest of them, from which on nothing changes, over the redraws that have one; None
            where there is none.
        crossing_share: of the redraws in which the fronts can be compared, in what fraction there is a crossing;
            None at one seed.
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
        seeds: those that every cell has a result of; without any nothing is said. left_out: those of some cells.
        reach: the natural risks over which fronts are averaged: from where all methods have a cell to the largest
            of any front, in percent; NaN where there are none.
        heights: for each method with several λ the mean of its front over `reach`, the area under it by its width;
            empty, as `pairs`, where `reach` is a single place.
        warnings: what findings of any of its runs warn of.
    """

    heading: str
    seeds: tuple[int, ...]
    left_out: tuple[int, ...]
    undominated: tuple[Undominated, ...]
    reach: tuple[float, float]
    heights: dict[str, Interval]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...] = ()


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
    by_seed = [_risks(of_cell) for of_cell in runs]
    known = sorted({seed for risks in by_seed for seed in risks})
    # A mean over other seeds is another quantity: what differs between two cells would be the seeds as well.
    seeds = [seed for seed in known if all(seed in risks for risks in by_seed)]
    left_out = tuple(seed for seed in known if seed not in seeds)
    if not seeds:
        yield Fronts(block.heading, (), left_out, (), (np.nan, np.nan), {}, ())
        return
    values = np.array([[risks[seed] for seed in seeds] for risks in by_seed])

    members = {method: np.array([name == method for name in names]) for method in methods}
    whole = _measured(values.mean(axis=1), members)
    drawn: list[dict[Any, Any]] = []
    if len(seeds) > 1:
        generator = np.random.default_rng(0)
        for draw in generator.integers(len(seeds), size=(_RESAMPLES, len(seeds))):
            drawn.append(_measured(values[:, draw].mean(axis=1), members))

    def interval(key: object) -> Interval:
        again = [measured[key] for measured in drawn if key in measured]
        low, high = np.quantile(again, [0.025, 0.975]) if again else (None, None)
        return Interval(whole[key], *(None if end is None else float(end) for end in (low, high)))

    def share(of: Sequence[bool]) -> float | None:
        return float(np.mean(of)) if len(of) else None

    yield Fronts(
        heading=block.heading,
        seeds=tuple(seeds),
        left_out=left_out,
        undominated=tuple(
            Undominated(
                cell.defense,
                cell.lambda_,
                share([measured["undominated"][index] for measured in drawn]),
                cell.warnings,
            )
            for index, cell in enumerate(cells)
            if whole["undominated"][index]
        ),
        reach=whole["reach"],
        heights={method: interval(method) for method in methods if method in whole},
        warnings=tuple(text for cell in cells for text in cell.warnings),
        pairs=tuple(
            Pair(
                pair,
                interval(pair),
                tuple(whole["crossings", pair]),
                interval(("last crossing", pair)) if whole["crossings", pair] else None,
                share([bool(measured["crossings", pair]) for measured in drawn if pair in measured]),
            )
            for pair in combinations(methods, 2)
            if pair in whole
        ),
    )


def _risks(runs: pandas.DataFrame) -> dict[int, tuple[float, float]]:
    """Natural and hypocritical risk by seed, in percent; a seed without mistakes has none of the latter."""
    both = runs[["seed", "R_nat", "R_hyp_minus"]].dropna().drop_duplicates("seed")
    return {int(seed): (100 * x, 100 * y) for seed, x, y in both.itertuples(index=False)}


def _measured(points: np.ndarray, members: dict[str, np.ndarray]) -> dict[Any, Any]:
    """Everything that is said about the points (cells, 2) of one draw of the seeds."""
    found: dict[Any, Any] = {"undominated": undominated(points)}
    of_method = {method: points[chosen] for method, chosen in members.items()}
    low = max(cells[:, 0].min() for cells in of_method.values())
    high = max(cells[undominated(cells), 0].max() for cells in of_method.values())
    found["reach"] = (float(low), float(high))
    if high == low:  # the fronts have one place in common, which has no width to average over
        return found
    steps = np.unique(np.concatenate([points[:, 0][(points[:, 0] > low) & (points[:, 0] < high)], [low, high]]))
    # Between two steps all fronts are level, at their height over the left one.
    levels = {method: staircase(cells, steps[:-1]) for method, cells in of_method.items()}
    found |= {method: float(np.average(level, weights=np.diff(steps))) for method, level in levels.items()}
    for first, second in combinations(members, 2):
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
