"""What each search added, in turn, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypo.measurements.searched import SoFar, so_far

_SHORT = {"ProjectedGradient": "PGD"}


def in_turn(row: Mapping[str, Any]) -> tuple[SoFar, ...]:
    """The searches of the run of `row` (of `report.contents.records`), in turn; shares in percent."""
    steps = so_far(row) if row["searches"] else []
    return tuple(replace(step, search=_named(step.search, row)) for step in steps)


def difference(searches: Sequence[SoFar], name: str) -> str:
    """How many points all together found more or less than the first alone, as in "+2.50"; "" where unknown."""
    first, last = (each.shares[name] for each in (searches[0], searches[-1]))
    return "" if first is None or last is None else f"{last - first:+.2f}"


def _named(name: str, row: Mapping[str, Any]) -> str:
    """The evaluation's own attack by what it is, since its name says nothing; the others by their names."""
    if name != "attack" or "evaluation.attack._target_" not in row:
        return name
    kind = str(row["evaluation.attack._target_"])
    steps, restarts = row.get("evaluation.attack.steps"), row.get("evaluation.attack.restarts", 1)
    said = _SHORT.get(kind, kind) if steps is None else f"{_SHORT.get(kind, kind)}-{steps}"
    return said if restarts in (None, 1) else f"{said}, {restarts} restarts"
