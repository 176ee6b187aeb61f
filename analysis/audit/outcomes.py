"""What becomes of the test images: every one of them is in one of four parts, which D, A and F cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.audit.numbers import Number, plain

_ABOUT = {
    "kept": "right, whatever the adversary tried",
    "broken": "right, but an adversary breaks it",
    "hidden": "a mistake that a false friend hides",
    "visible": "a mistake that stays visible",
}


@dataclass(frozen=True)
class Outcome:
    """One part of the test images: `share` in percent, and `count`, None where it is not known."""

    key: str
    about: str
    share: float
    count: int | None

    @property
    def percent(self) -> str:
        """As in "25.4 %"."""
        return f"{plain(self.share)} %"


def outcomes(numbers: Mapping[str, Number]) -> tuple[Outcome, ...]:
    """The four parts, by what cuts them: 0 ≤ A ≤ D ≤ F ≤ 100 %; none where one of these is not known."""
    cuts = [numbers[name] for name in ("A", "D", "F")]
    values = [0.0, *(cut.value for cut in cuts if cut.value is not None), 100.0]
    if len(values) < 5:
        return ()
    counts = [0, *(cut.count for cut in cuts), cuts[0].of]
    return tuple(
        Outcome(key, about, max(0.0, after - before), None if last is None or first is None else last - first)
        for (key, about), before, after, first, last in zip(
            _ABOUT.items(), values, values[1:], counts, counts[1:], strict=False
        )
    )
