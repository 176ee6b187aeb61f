"""What searches in turn had found when each of them was over, and what that took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHARES = ("A", "F", "R_adv_plus", "R_hyp_minus")
"""Those that each search may change."""


@dataclass(frozen=True)
class SoFar:
    """One search, and what was known when it was over.

    Attributes:
        decided: how many of each flag it decided itself, `adv`, `hyp` and `sta`.
        shares: in [0, 1], as this search and those before it leave them, by the names of `SHARES`; None or NaN
            where there is nothing to take a share of. Those of the first search are what it finds alone.
        passes: how many images it put through the model itself; None where that was not counted.
        relative_passes: how many it and those before it did, in units of those of the first; None as above.
    """

    search: str
    decided: Mapping[str, int]
    shares: Mapping[str, float | None]
    passes: int | None
    relative_passes: float | None


def so_far(found: Mapping[str, Any]) -> list[SoFar]:
    """The searches of a run, in turn.

    Args:
        found: `searches`, D and the shares, as a result.json has them.
    """
    searches: Mapping[str, Mapping[str, int]] = found["searches"]
    in_all = {flag: sum(by.get(flag, 0) for by in searches.values()) for flag in ("adv", "hyp")}
    decided, spent = dict.fromkeys(in_all, 0), 0.0
    first = next(iter(searches.values()), {}).get("passes")
    steps = []
    for name, by in searches.items():
        decided = {flag: count + by.get(flag, 0) for flag, count in decided.items()}
        passes = by.get("passes")
        spent += float("nan") if passes is None else passes
        relative = spent / first if first else float("nan")
        left = {flag: 1 - decided[flag] / count if count else 0.0 for flag, count in in_all.items()}
        steps.append(
            SoFar(
                search=name,
                decided={flag: count for flag, count in by.items() if flag != "passes"},
                shares=_shares(found, left),
                passes=passes,
                relative_passes=None if relative != relative else relative,
            )
        )
    return steps


def _shares(found: Mapping[str, Any], left: Mapping[str, float]) -> dict[str, float | None]:
    """What the shares were when the part `left` of what all searches decided in the end was not decided yet."""

    def between(name: str, start: float | None, part: float) -> float | None:
        end: float | None = found[name]
        return None if end is None or start is None else end + (start - end) * part

    return {
        "A": between("A", found["D"], left["adv"]),
        "F": between("F", found["D"], left["hyp"]),
        "R_adv_plus": between("R_adv_plus", 0, left["adv"]),
        "R_hyp_minus": between("R_hyp_minus", 0, left["hyp"]),
    }
