"""Our cells beside the published ones: ours, theirs, the difference, and whether the seeds explain it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.paper.kinds import refuse_mixtures, refuse_twins
from analysis.paper.placement import OF_ANY_ATTACK, Placement, Run, is_rehearsal, place, published_name
from analysis.paper.published import Figure, PublishedRow
from analysis.paper.published_attacks import difference, is_of_the_attack
from analysis.paper.published_recipes import Deviations, deviations, settings_that_matter
from analysis.reading.findings import warnings
from analysis.tables.cells import Estimate

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Pair:
    """One cell.

    Attributes:
        published: None where the paper has a figure that is not in the text.
        ours: None where no run of ours is done.
    """

    published: Figure | None
    ours: Estimate | None

    @property
    def difference(self) -> float:
        """Ours minus theirs, in points; NaN without one of them."""
        return self.ours.mean - self.published.mean if self.ours and self.published else math.nan

    @property
    def mark(self) -> str:
        """Whether the seeds explain the difference.

        "*" when it is significant at 5 % by Welch's test on means and standard deviations, "" when it is not, and
        "?" when it cannot be judged, because one side has no standard deviation.
        """
        from scipy import stats

        if self.ours is None or self.published is None:
            return ""
        if self.published.std is None or math.isnan(self.ours.std):
            return "?"
        ours, theirs = self.ours.std**2 / self.ours.n, self.published.std**2 / self.published.n
        allowed = 0.5 * 10**-self.published.decimals  # of rounding
        if ours + theirs > 0:
            freedom = (ours + theirs) ** 2 / (ours**2 / (self.ours.n - 1) + theirs**2 / (self.published.n - 1))
            allowed += float(stats.t.ppf(0.975, freedom)) * math.sqrt(ours + theirs)
        return "*" if abs(self.difference) > allowed else ""


@dataclass(frozen=True)
class ComparedRow:
    """One published row with our runs.

    Attributes:
        setting: the published row's.
        pairs: by attack and metric, in the paper's order.
        deviations: in what the runs differ from the published recipe; nothing in a rehearsal.
        warnings: what findings of the runs warn of.
    """

    setting: Mapping[str, str]
    pairs: Mapping[tuple[str, str], Pair]
    deviations: Deviations
    warnings: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether a run of ours is in it."""
        return any(pair.ours for pair in self.pairs.values())


@dataclass(frozen=True)
class Comparison:
    """A published table beside ours.

    Attributes:
        name: tao2022/table10, or smoke/tao2022/table10 for a rehearsal of it.
        unmatched: how many of our runs none of its rows describes.
        other_attacks: how many have a row but an attack that it does not have, by what differs.
    """

    name: str
    rows: tuple[ComparedRow, ...]
    unmatched: int
    other_attacks: Mapping[str, int]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Attack and metric of every column."""
        return list(dict.fromkeys(key for row in self.rows for key in row.pairs))

    @property
    def published_name(self) -> str:
        """The published table that this is, or rehearses."""
        return published_name(self.name)

    @property
    def rehearsal(self) -> bool:
        """Whether our runs only stand for the table's experiments, so that there is nothing to compare."""
        return is_rehearsal(self.name)


def beside_paper(frame: pandas.DataFrame, name: str) -> Comparison:
    """Set the runs of `frame` (from `collect`) beside the published table `name`, such as tao2022/table10.

    `name` may be a figure that draws tables, and smoke/tao2022/table10 for the runs of the small sweep that
    rehearses one. Only seeds of runs with the same settings are averaged.

    Raises:
        InputError: for an unknown name, and where runs that differ would be in one cell.
    """
    runs = readable(frame)
    placement = place(name, runs)
    rows = tuple(_row(placement, published, fitting) for published, fitting in placement.rows)
    placed = {run["run_id"] for _, fitting in placement.rows for run in fitting}
    return Comparison(name, rows, len(runs) - len(placed), _other_attacks(placement))


def readable(frame: pandas.DataFrame) -> list[Run]:
    """The runs whose settings can be read; the others are holes elsewhere."""
    return frame[frame["settings"] != ""].to_dict("records")


def _row(placement: Placement, published: PublishedRow, fitting: Sequence[Run]) -> ComparedRow:
    done = [run for run in fitting if run["state"] == "done"]
    columns = {
        attack: [run for run in done if placement.in_column(run, attack)]
        for attack in dict.fromkeys(attack for attack, _ in published.figures)
    }
    counted = [run for run in done if any(placement.in_column(run, attack) for attack in columns)]
    where = f"{placement.name}, {' '.join(filter(None, published.setting.values()))}"
    refuse_mixtures(where, counted, but=is_of_the_attack)
    for attack, column in columns.items():
        if attack not in OF_ANY_ATTACK:
            refuse_mixtures(f"{where}, {attack}", column)
            refuse_twins(f"{where}, {attack}", column)
    pairs = {key: Pair(figure, _ours(columns[key[0]], key[1])) for key, figure in published.figures.items()}
    compared = counted and not placement.rehearsal
    found = _deviations(counted, published.source) if compared else Deviations()
    return ComparedRow(published.setting, pairs, found, warnings(run["findings"] for run in counted))


def _deviations(runs: Sequence[Run], source: str) -> Deviations:
    """Those of runs that differ in seeds and attacks alone, by what any of them has recorded."""
    recorded = dict(runs[0])
    for run in runs:
        recorded |= settings_that_matter(run)
    return deviations(recorded, source)


def _other_attacks(placement: Placement) -> dict[str, int]:
    """How many runs have a row but no column of their attack, by the settings in which it differs."""
    counts: dict[str, int] = {}
    for published, fitting in placement.rows:
        attacks = [attack for attack, _ in published.figures]
        if set(attacks) <= set(OF_ANY_ATTACK):
            continue
        for run in fitting:
            if run["state"] == "done" and placement.attack(run) not in attacks:
                text = f"evaluation = {run['evaluation']}" if placement.rehearsal else difference(run, attacks)
                text = text or "its settings are not recorded"
                counts[text] = counts.get(text, 0) + 1
    return counts


def _ours(runs: Sequence[Run], metric: str) -> Estimate | None:
    """Mean and std over seeds in percent, None where no run has the metric."""
    import pandas

    by_seed = {run["seed"]: run[metric] for run in runs if run.get(metric, math.nan) == run.get(metric)}
    if not by_seed:
        return None
    percent = 100 * pandas.Series(list(by_seed.values()), dtype=float)
    return Estimate(float(percent.mean()), float(percent.std()), len(percent))
