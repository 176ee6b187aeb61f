"""How far one λ lies from the next, and whether something is to be learnt between them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev

from launchers.front.between import between

RISKS = ("natural risk", "hypocritical risk")

_STANDARD_ERRORS = 2
"""A change within so many of its standard errors may be chance."""


@dataclass(frozen=True)
class Point:
    """One λ of a method.

    Attributes:
        risks: by seed, of which there are one or more, (R_nat, R_hyp⁻) in percent.
    """

    lambda_: float
    risks: Mapping[int, tuple[float, float]]

    def mean(self, risk: int) -> float:
        """Over the seeds, in percent."""
        return fmean(of_seed[risk] for of_seed in self.risks.values())

    def beats(self, other: Point) -> bool:
        """Whether it is better in both risks."""
        return all(self.mean(risk) < other.mean(risk) for risk in (0, 1))


@dataclass(frozen=True)
class Change:
    """What becomes of one risk from a λ to the next.

    Attributes:
        risk: one of `RISKS`.
        points: its mean over the seeds, > 0 where it rises.
        noise: up to what size the seeds may be the reason, in points; None where one seed cannot tell.
    """

    risk: str
    points: float
    noise: float | None

    @property
    def size(self) -> float:
        """In points."""
        return abs(self.points)

    @property
    def is_hidden(self) -> bool:
        """Whether the seeds may be the reason."""
        return self.noise is not None and self.size <= self.noise


@dataclass(frozen=True)
class Step:
    """From one λ of a method to the next.

    Attributes:
        change: the larger of those that count.
        middle: the λ to be run next; None where none is.
        why_not: why a wide step is not divided; "" where it is, or is not wide.
    """

    low: float
    high: float
    change: Change
    middle: float | None = None
    why_not: str = ""


def steps(points: Sequence[Point], gap: float, failed: Collection[float] = ()) -> list[Step]:
    """The steps of one method, in the order of λ.

    A step is as wide as the larger change of the two risks, since neither axis of the picture is to jump. It is
    divided where a change is larger than `gap` points and than what the seeds may be the reason of.

    Args:
        points: each λ once, in any order.
        failed: λ without a result.
    """
    ordered = sorted(points, key=lambda point: point.lambda_)
    return [_step(low, high, ordered, gap, failed) for low, high in pairwise(ordered)]


def _step(low: Point, high: Point, points: Sequence[Point], gap: float, failed: Collection[float]) -> Step:
    ends = low.lambda_, high.lambda_
    changes = sorted((_change(low, high, risk) for risk in (0, 1)), key=lambda change: change.size, reverse=True)
    wide = [change for change in changes if change.size > gap]
    seen = [change for change in wide if not change.is_hidden]
    if not wide:
        return Step(*ends, changes[0])
    if not seen:
        return Step(
            *ends, wide[0], why_not=f"the seeds hide it, two standard errors are {wide[0].noise:.3g} points"
        )
    if lost := [lambda_ for lambda_ in failed if low.lambda_ < lambda_ < high.lambda_]:
        return Step(*ends, seen[0], why_not=f"λ = {lost[0]:g} between them has no result")
    if better := [point for point in points if point.beats(low) and point.beats(high)]:
        return Step(*ends, seen[0], why_not=f"λ = {better[0].lambda_:g} is better than both in both risks")
    middle = between(*ends)
    return Step(*ends, seen[0], middle, "" if middle else "no λ of two digits lies between them")


def _change(low: Point, high: Point, risk: int) -> Change:
    """Paired by seed: a seed begins at both λ with the same weights, and much that it does is the same at both."""
    of_seeds = [high.risks[seed][risk] - low.risks[seed][risk] for seed in low.risks if seed in high.risks]
    if not of_seeds:
        return Change(RISKS[risk], high.mean(risk) - low.mean(risk), None)
    noise = _STANDARD_ERRORS * stdev(of_seeds) / math.sqrt(len(of_seeds)) if len(of_seeds) > 1 else None
    return Change(RISKS[risk], fmean(of_seeds), noise)
