"""Whether one run more on each GPU pays: decided by what was measured, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean

from launchers.packing.need import Machine, Need

WORTH = 1.05
"""What a run more on each GPU has to make of the images a second, for it makes all the others slower."""


@dataclass
class Packing:
    """How many runs share a GPU at present, and what is known of that.

    Attributes:
        machine: what they share.
        runs: how many share a GPU.
        is_settled: nothing more is tried.
        is_final: nor would it be with more cores or memory for the same GPUs.
        speed_up: the images a second of `good` runs on a GPU as a multiple of those of one; None where one run was
            not measured.
    """

    machine: Machine
    runs: int = 1
    is_settled: bool = False
    is_final: bool = False
    speed_up: float | None = None
    _before: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.runs == 1:
            self.speed_up = 1.0

    @property
    def good(self) -> int:
        """How many are known to be no mistake: one less than `runs` while these are on trial."""
        return self.runs - bool(self._before)

    def is_comparable(self, rates: Mapping[str, float]) -> bool:
        """Whether these say anything: they do of a kind of runs that was also measured with one run less."""
        return bool(rates) and (not self._before or not self._before.keys().isdisjoint(rates))

    def decide(self, rates: Mapping[str, float], need: Need) -> str:
        """Go on with one run more on each GPU, with as many, or with one less; returns a line with the reason.

        Args:
            rates: the images a second of one run, by kind, measured with `runs` on each GPU.
            need: of the neediest run.
        """
        here = f"{self.runs} run{'s' if self.runs > 1 else ''} a GPU"
        if self._before:
            ratio = self._ratio(rates)
            than = "one" if self.runs == 2 else str(self.runs - 1)
            said = f"{here}: {ratio:.2f} × the images a second of {than}"
            if ratio < WORTH:
                self._back(is_final=True)
                return f"{said}, less than {WORTH:g} ×; back to {self.runs}"
            self.speed_up = None if self.speed_up is None else self.speed_up * ratio
        else:
            said = f"{here}: {self.runs * fmean(rates.values()):,.0f} images a second"
        self._before = {}
        more = self.runs + 1
        if why := self.machine.gpu_is_too_small(more, need):
            self.is_settled = self.is_final = True
            return f"{said}; one more would not fit: {why}"
        if why := self.machine.is_too_small(more, need):
            self.is_settled = True
            return f"{said}; one more would not fit: {why}"
        self._before, self.runs = dict(rates), more
        return f"{said}; trying {more}"

    def weigh(self, need: Need) -> str:
        """Step back where as many do not fit, now that more is known of what they need; returns a line, or ""."""
        of_gpu = self.machine.gpu_is_too_small(self.runs, need)
        why = of_gpu or self.machine.is_too_small(self.runs, need)
        if not why or self.runs == 1:
            return ""
        too_many = self.runs
        while self.runs > 1 and (
            self.machine.gpu_is_too_small(self.runs, need) or self.machine.is_too_small(self.runs, need)
        ):
            self._back(is_final=bool(of_gpu))
        return f"{too_many} runs a GPU no longer fit: {why}; back to {self.runs}"

    def ran_out(self, together: int) -> str:
        """A run had no memory left when so many shared its GPU: have fewer than that; returns a line."""
        while self.runs >= max(2, together):
            self._back(is_final=True)
        others = f"{together - 1} other{'s' if together > 2 else ''}"
        return f"a run had no memory left beside {others}: it is tried again, with {self.runs} a GPU"

    def _back(self, *, is_final: bool) -> None:
        if not self._before:  # what it was with fewer was not measured, or is past
            self.speed_up = None
        self._before = {}
        self.runs -= 1
        self.is_settled, self.is_final = True, is_final
        if self.runs == 1:
            self.speed_up = 1.0

    def _ratio(self, rates: Mapping[str, float]) -> float:
        """All images a second as a multiple of those with one run less: of each kind that was seen with both."""
        both = self._before.keys() & rates.keys()
        return fmean(self.runs * rates[kind] / ((self.runs - 1) * self._before[kind]) for kind in both)
