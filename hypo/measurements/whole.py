"""Several attacks in turn, whose progress is told as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hypo.measurements.pooled_search import Progress


@dataclass
class Whole:
    """Progress of parts in turn.

    Attributes:
        progress: told how much of the whole is done.
        total: what all parts together are, in units of their shares.
        done: what those parts are that are over.
    """

    progress: Progress
    total: int
    done: int = 0
    _share: int = 0

    @contextmanager
    def part(self, share: int) -> Iterator[None]:
        """A context in which `told` is about the next part, which is so much of the whole."""
        self._share = share
        self.told(0, 1)
        yield
        self.done, self._share = self.done + share, 0
        self.told(1, 1)

    def told(self, done: int, total: int) -> None:
        """Pass on how much of the part is done."""
        self.progress(self.done + self._share * done // total, self.total)
