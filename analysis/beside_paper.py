"""Our cells beside the published ones: ours, theirs, the difference, and whether the seeds explain it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.cells import Estimate
from analysis.published import SEEDS, Figure, PublishedRow, attack_of, shortened, table
from hypo.identity import short_hash

if TYPE_CHECKING:
    import pandas

_ROUNDING = 0.005
"""Published figures have two decimals."""

_OF_THE_ATTACK = ("evaluation.attack.", "evaluation.objective", "evaluation.targeted")
"""Settings that differ between the columns of one row."""


@dataclass(frozen=True)
class Pair:
    """One cell.

    Attributes:
        ours: None where no run of ours is done.
    """

    published: Figure
    ours: Estimate | None

    @property
    def difference(self) -> float:
        """Ours minus theirs, in points; NaN without ours."""
        return self.ours.mean - self.published.mean if self.ours else math.nan

    @property
    def mark(self) -> str:
        """Whether the seeds explain the difference.

        "*" when it is significant at 5 % by Welch's test on means and standard deviations, "" when it is not, and
        "?" when it cannot be judged, because one side has no standard deviation.
        """
        from scipy import stats

        if self.ours is None:
            return ""
        if self.published.std is None or math.isnan(self.ours.std):
            return "?"
        ours, theirs = self.ours.std**2 / self.ours.n, self.published.std**2 / SEEDS
        allowed = _ROUNDING
        if ours + theirs > 0:
            freedom = (ours + theirs) ** 2 / (ours**2 / (self.ours.n - 1) + theirs**2 / (SEEDS - 1))
            allowed += float(stats.t.ppf(0.975, freedom)) * math.sqrt(ours + theirs)
        return "*" if abs(self.difference) > allowed else ""


@dataclass(frozen=True)
class ComparedRow:
    """One published row, with one kind of our runs.

    Attributes:
        setting: the published row's.
        variant: what sets these runs apart from other runs of ours at the same row, "" where there are none.
        pairs: by attack and metric, in the paper's order.
        shortened: in what the runs fall short of the published recipe.
    """

    setting: Mapping[str, str]
    variant: str
    pairs: Mapping[tuple[str, str], Pair]
    shortened: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """A published table beside ours; `unmatched` counts our runs that none of its rows describes."""

    name: str
    rows: tuple[ComparedRow, ...]
    unmatched: int

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Attack and metric of every column."""
        return list(dict.fromkeys(key for row in self.rows for key in row.pairs))


def beside_paper(frame: pandas.DataFrame, name: str) -> Comparison:
    """Set the runs of `frame` (from `collect`) beside the published table `name`, such as tao2022/table10.

    Only seeds of runs with the same settings are averaged; where several kinds of runs fit one row, each has one
    of its own.
    """
    # The settings of a run that cannot be read are empty; it is a hole elsewhere.
    runs: list[dict[str, Any]] = frame[frame["settings"] != ""].to_dict("records")
    rows: list[ComparedRow] = []
    taken: set[str] = set()
    for published in table(name):
        fitting = [run for run in runs if published.matches(run)]
        taken |= {run["run_id"] for run in fitting}
        rows += _rows(published, fitting)
    return Comparison(name, tuple(rows), len(runs) - len(taken))


def with_holes(frame: pandas.DataFrame, name: str) -> pandas.DataFrame:
    """`frame`, and a run that is missing for every row of the published table that no run of it can fill."""
    import pandas

    runs: list[dict[str, Any]] = frame[frame["settings"] != ""].to_dict("records")
    holes = []
    for published in table(name):
        fitting = [run for run in runs if published.matches(run)]
        lacking = dict.fromkeys(key[0] for key in published.figures if _ours(fitting, *key) is None)
        if lacking and all(run["state"] == "done" for run in fitting):  # others are listed as they are
            row = " ".join(filter(None, published.setting.values()))
            attacks = f", attacked by {', '.join(lacking)}" if fitting else ""
            command = f"python -m hypo.run -m +sweeps={name}"
            hole = {"name": f"{name}: {row}{attacks}", "state": "missing", "reason": "not run", "command": command}
            holes.append(hole)
    return pandas.concat([frame, pandas.DataFrame(holes, dtype=object)]) if holes else frame


def _rows(published: PublishedRow, runs: list[dict[str, Any]]) -> Iterator[ComparedRow]:
    kinds: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        kinds.setdefault(short_hash({key: str(value) for key, value in _settings(run).items()}), []).append(run)
    for alike in kinds.values() or [[]]:
        others = [kind[0] for kind in kinds.values() if kind is not alike]
        pairs = {key: Pair(figure, _ours(alike, *key)) for key, figure in published.figures.items()}
        yield ComparedRow(
            published.setting,
            ", ".join(_differences(alike[0], others)) if others else "",
            pairs,
            tuple(shortened(alike[0])) if alike else (),
        )


def _settings(run: Mapping[str, Any]) -> dict[str, Any]:
    """Every single setting, but those by which the columns of one row differ."""
    return {key: value for key, value in run.items() if "." in key and not key.startswith(_OF_THE_ATTACK)}


def _differences(run: Mapping[str, Any], others: list[dict[str, Any]]) -> list[str]:
    mine = _settings(run)
    differing = [key for key, value in mine.items() if any(str(other.get(key)) != str(value) for other in others)]
    return [f"{key} = {mine[key]}" for key in differing]


def _ours(runs: list[dict[str, Any]], attack: str, metric: str) -> Estimate | None:
    """Mean and std over the seeds that are done; certified bounds and clean accuracy are those of any attack."""
    import pandas

    any_attack = attack in ("clean", "certified")
    done = [run for run in runs if run["state"] == "done" and (any_attack or attack_of(run) == attack)]
    by_seed = {run["seed"]: run[metric] for run in done if run.get(metric) == run.get(metric)}
    if not by_seed:
        return None
    percent = 100 * pandas.Series(list(by_seed.values()), dtype=float)
    return Estimate(float(percent.mean()), float(percent.std()), len(percent))
