"""Which runs stand in which row and column of a published table, or in a rehearsal stand for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.paper.published import PublishedRow, source_of, table
from analysis.paper.published_attacks import attack_of
from analysis.reading.setting_values import is_recorded

Run = Mapping[str, Any]

_REHEARSAL = "smoke/"

OF_ANY_ATTACK = ("clean", "certified")
"""Columns of clean accuracies and certified bounds, which no attack changes."""


@dataclass(frozen=True)
class Placement:
    """The rows of a published table, each with the runs that are its experiment, whatever their attack."""

    name: str
    rows: tuple[tuple[PublishedRow, tuple[Run, ...]], ...]

    @property
    def rehearsal(self) -> bool:
        """Whether the runs only stand for the table's experiments."""
        return is_rehearsal(self.name)

    def attack(self, run: Run) -> str:
        """What the table calls the attack of `run`, "" where it has no such attack."""
        if not self.rehearsal:
            return attack_of(run)
        return source_of(published_name(self.name)).attacks.get(run["evaluation"], "")

    def in_column(self, run: Run, attack: str) -> bool:
        """Whether a row's `run` belongs in the columns of `attack`."""
        return attack in OF_ANY_ATTACK or self.attack(run) == attack


def is_rehearsal(name: str) -> bool:
    """Whether `name` is that of a small sweep, such as smoke/tao2022/table10."""
    return name.startswith(_REHEARSAL)


def published_name(name: str) -> str:
    """The published table that `name` is or rehearses."""
    return name.removeprefix(_REHEARSAL)


def place(name: str, runs: Sequence[Run]) -> Placement:
    """Find the rows of the published table `name`, or smoke/ and a table, for `runs` (rows of `collect`).

    In a rehearsal the digits at their smallest scale stand for the table's first data set, and so on; rows that
    differ in ε are told apart by that.

    Raises:
        InputError: when there is no such table.
    """
    rows = table(published_name(name))
    if not is_rehearsal(name):
        return Placement(name, tuple((row, tuple(run for run in runs if row.matches(run))) for row in rows))
    small = [run for run in runs if any(row.is_rehearsed_by(run) for row in rows)]
    scales = sorted({_scale(run) for run in small})
    there = {row.setting["dataset"] for row in rows}
    in_order = source_of(published_name(name)).datasets.values()
    datasets = [dataset for dataset in in_order if dataset in there]
    stands_for = dict(zip(scales, datasets, strict=False))
    several_radii = len({row.setting["eps"] for row in rows}) > 1

    def rehearses(row: PublishedRow, run: Run) -> bool:
        its_own = row.has_radius(run) if several_radii else stands_for.get(_scale(run)) == row.setting["dataset"]
        return its_own and row.is_rehearsed_by(run)

    return Placement(name, tuple((row, tuple(run for run in small if rehearses(row, run))) for row in rows))


def _scale(run: Run) -> int:
    scale = run.get("dataset.scale", 1)
    return scale if is_recorded(scale) else 1
