"""How fast runs train while they share GPUs, seen in the status of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

_EPOCHS = 2
"""How many epochs are measured for each run that a GPU holds."""


@dataclass
class Running:
    """A run that a worker has.

    Attributes:
        directory: of the run; kind: runs of one kind are as fast as each other.
        gpu: which of the GPUs it is on.
        begun_at: the epoch that it had before.
        together: how many that GPU held at most, itself included.
    """

    directory: Path
    kind: str
    gpu: int
    begun_at: int
    together: int = 1
    _since: int | None = None


def epoch(status: Mapping[str, Any]) -> int:
    """The last epoch that a status tells of; 0 before the first."""
    found = status.get("epoch")
    return found if isinstance(found, int) else 0


def usage(status: Mapping[str, Any]) -> dict[str, Any]:
    """What the last attempt has noted that it used."""
    attempts = status.get("attempts") or [{}]
    found = attempts[-1].get("usage")
    return found if isinstance(found, dict) else {}


@dataclass
class SideBySide:
    """Epochs that began and ended while every GPU held as many runs as it was to hold, all of them under way.

    An epoch counts for nothing in which a run was still loading, or was alone: then the others were faster.
    """

    _epochs: dict[tuple[Path, int], tuple[str, float]] = field(default_factory=dict)

    def look(self, runs: Sequence[tuple[Running, Mapping[str, Any]]], gpus: int, runs_per_gpu: int) -> None:
        """Take in the present status of all that runs; to be called every second or so."""
        held = Counter(run.gpu for run, _ in runs)
        full = len(held) == gpus and all(count == runs_per_gpu for count in held.values())
        under_way = full and all(epoch(status) > run.begun_at for run, status in runs)
        for run, status in runs:
            if not under_way:
                run._since = None
            elif run._since is None:
                run._since = epoch(status)
            # The epoch that it is at has begun before.
            elif epoch(status) > run._since + 1 and (rate := status.get("images_per_second")):
                self._epochs[run.directory, epoch(status)] = (run.kind, rate)

    def rates(self, runs: int) -> dict[str, float]:
        """The images a second of one run by kind; {} until enough was seen of so many runs at a time."""
        if len(self._epochs) < _EPOCHS * runs:
            return {}
        by_kind = defaultdict(list)
        for kind, rate in self._epochs.values():
            by_kind[kind].append(rate)
        return {kind: median(rates) for kind, rates in by_kind.items()}

    def forget(self, runs: Sequence[Running]) -> None:
        """Begin anew: from now on another number of runs shares a GPU."""
        self._epochs.clear()
        for run in runs:
            run._since = None
