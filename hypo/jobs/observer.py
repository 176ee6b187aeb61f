"""Who is told how a run is getting on."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Who is told how a run is getting on."""

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """An epoch is over; `row` is its line of the history, `epochs` how many there will be."""
        ...

    def evaluating(self, done: int, total: int) -> None:
        """So much of the evaluation's attacks, or of a part of a measurement, is done."""
        ...

    def measuring(self, name: str) -> None:
        """What comes next is the measurement of that name, after the evaluation's attacks or another one."""
        ...

    def decided(self, examples: int, total: int) -> None:
        """The attacks of the evaluation have decided so many of the test examples."""
        ...
