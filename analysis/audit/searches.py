"""What each search added, in turn, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.audit.numbers import Number

_SHORT = {"ProjectedGradient": "PGD"}


@dataclass(frozen=True)
class Searched:
    """A search, after which the shares in `reached` stand, in percent; None for what is not known.

    Attributes:
        broken, hidden: how many correct predictions and how many mistakes this search was the first to reach.
        passes: of an image through the model, and `times` those of the first search.
    """

    name: str
    broken: int
    hidden: int
    passes: int | None
    times: float | None
    reached: Mapping[str, float | None]


def difference(searches: Sequence[Searched], name: str) -> str:
    """How many points all together found more or less than the first alone, as in "+2.50"; "" where unknown."""
    first, last = (each.reached.get(name) for each in (searches[0], searches[-1]))
    return "" if first is None or last is None else f"{last - first:+.2f}"


def in_turn(row: Mapping[str, Any], numbers: Mapping[str, Number]) -> tuple[Searched, ...]:
    """The searches of the run of `row` (of `contents.records`), in the order in which they were made."""
    n, plus = numbers["D"].of, numbers["D"].count
    found: list[Searched] = []
    broken = hidden = 0
    first = None
    for name, by in row["searches"].items():
        broken, hidden = broken + by.get("adv", 0), hidden + by.get("hyp", 0)
        passes = by.get("passes")
        first = passes if first is None else first
        reached = {} if n is None or plus is None else _reached(n, plus, broken, hidden)
        times = passes / first if passes is not None and first else None
        found.append(Searched(_named(name, row), by.get("adv", 0), by.get("hyp", 0), passes, times, reached))
    return tuple(found)


def _reached(n: int, plus: int, broken: int, hidden: int) -> dict[str, float | None]:
    shares = {
        "A": (plus - broken, n),
        "F": (plus + hidden, n),
        "R_adv_plus": (broken, plus),
        "R_hyp_minus": (hidden, n - plus),
    }
    return {name: 100 * count / of if of else None for name, (count, of) in shares.items()}


def _named(name: str, row: Mapping[str, Any]) -> str:
    """The evaluation's own attack by what it is, since its name says nothing; the others by their names."""
    if name != "attack" or "evaluation.attack._target_" not in row:
        return name
    kind = str(row["evaluation.attack._target_"])
    steps, restarts = row.get("evaluation.attack.steps"), row.get("evaluation.attack.restarts", 1)
    said = _SHORT.get(kind, kind) if steps is None else f"{_SHORT.get(kind, kind)}-{steps}"
    return said if restarts in (None, 1) else f"{said}, {restarts} restarts"
