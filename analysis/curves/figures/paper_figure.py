"""A figure of a paper, by the runs that it is made of and what draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.paper.published import PublishedRow, source_of
from analysis.paper.published_attacks import attack_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PaperFigure:
    """A figure, by the published rows that its runs are of.

    Attributes:
        takes: the runs in words, for whoever has none.
        rows: the experiments.
        draw: from these runs (rows of `collect`) to the picture.
        finding: what they have to have measured besides, "" for nothing.
        evaluations: the options that they are evaluated with, none where any will do.
    """

    takes: str
    rows: Callable[[], list[PublishedRow]]
    draw: Callable[[pandas.DataFrame], Figure]
    finding: str = ""
    evaluations: tuple[str, ...] = ("pgd20",)

    def has(self, run: Mapping[str, Any]) -> bool:
        """Whether `run` is one of its cells; on data that the paper does not have, by its method alone.

        So that a rehearsal, or a study of other data, is drawn like the paper's.
        """
        if self.evaluations and run["evaluation"] not in self.evaluations:
            return False
        if self.finding and self.finding not in _measurements(run):
            return False
        return any(_is_of(row, run, self.evaluations) for row in self.rows())


def _is_of(row: PublishedRow, run: Mapping[str, Any], evaluations: tuple[str, ...]) -> bool:
    source = source_of(row.source)
    if run["dataset"] not in source.datasets:
        return row.has_method(run)
    return row.matches(run) and (not evaluations or attack_of(run) == source.attacks[run["evaluation"]])


def _measurements(run: Mapping[str, Any]) -> set[str]:
    """What was measured on the run, and what is to be."""
    return {*run["findings"], *run["measurement"].split(",")}
