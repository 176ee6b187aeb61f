"""What a run finds out, described so that result.json, tables, curves and pages can show it without knowing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hypo.measurements.risks import Share

RESERVED = frozenset(
    (
        *("schema", "run_id", "n", "counts", "intervals", "decided", "searches", "findings"),
        *("name", "directory", "state", "reason", "command", "measurement", "settings", "defense_settings"),
        *("dataset", "training_data", "arch", "defense", "lambda", "lambda_value", "norm", "epsilon"),
        *("epsilon_value", "recipe", "evaluation", "seed", "experiment", "label", "page", "table"),
        *("peak_memory", "peak_gpu_memory", "gpu_utilisation"),
    )
)
"""What no share and no number can be called: entries of result.json, and columns of every table of runs."""


@dataclass(frozen=True)
class Core:
    """What is found out about every model: the accuracies and risks that the theorems speak of.

    Attributes:
        shares: accuracies and risks by name.
        decided: by flag, how many of it the clean prediction decided, and how many which attack.
        searches: by search, how many of each flag it decided.
    """

    shares: Mapping[str, Share]
    decided: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    searches: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Fractions by name, with their counts and intervals in entries of their own."""
        return {
            "n": self.shares["D"].of,
            **_in_three(self.shares),
            "decided": {flag: dict(by) for flag, by in self.decided.items()},
            "searches": {name: dict(flags) for name, flags in self.searches.items()},
            "findings": {},
        }


@dataclass(frozen=True)
class NamedShare:
    """A share of the examples, and what it is one of.

    Attributes:
        about: a line for a reader.
        symbol: how papers write it, or None.
        bounds: the name of the share, of the same examples, that this is a certified bound of: of an accuracy
            under an adversary from below, of all others from above. "" for none.
    """

    share: Share
    about: str
    symbol: str | None = None
    bounds: str = ""


@dataclass(frozen=True)
class Number:
    """A plain number that was found, such as a median.

    Attributes:
        value: None where there is none; never a number in its place.
        about: a line for a reader.
        symbol: how papers write it, or None.
        unit: such as "pixels", or None.
    """

    value: float | None
    about: str
    symbol: str | None = None
    unit: str | None = None


@dataclass(frozen=True)
class Point:
    """A share at one value of a variable: a number, or a text such as a class."""

    at: float | str
    share: Share


@dataclass(frozen=True)
class Curve:
    """A share over a variable.

    Attributes:
        name: without spaces; unique within its finding.
        about: what the share is one of.
        over: what the variable is.
        points: in the order in which they are to be shown; all at numbers or all at texts.
        unit: of the variable, or None.
    """

    name: str
    about: str
    over: str
    points: tuple[Point, ...]
    unit: str | None = None


@dataclass(frozen=True)
class Column:
    """Something about each test example: (examples,) `values` in the order of the flags."""

    values: np.ndarray
    about: str


@dataclass(frozen=True)
class Picture:
    """A PNG file's content."""

    png: bytes
    about: str


@dataclass(frozen=True)
class Finding:
    """What one measurement finds; any of it may be empty.

    Attributes:
        title: what was measured, as a heading.
        shares, numbers: by a name that no other measurement has; each becomes a column of tables.
        columns, pictures: by name.
        warning: a line for whoever reads any number of this run, which is marked in every table; "" for none.

    Raises:
        ValueError: for a name that is not made of letters, digits and underscores, or is a reserved one.
    """

    title: str
    shares: Mapping[str, NamedShare] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    warning: str = ""
    numbers: Mapping[str, Number] = field(default_factory=dict)

    def __post_init__(self) -> None:
        in_tables = (*self.shares, *self.numbers)
        names = (*in_tables, *(curve.name for curve in self.curves), *self.columns, *self.pictures)
        for name in names:
            if not name.isidentifier():
                raise ValueError(f"takes letters, digits and underscores as the name of a finding, got {name!r}")
        if reserved := RESERVED.intersection(in_tables) | self.shares.keys() & self.numbers.keys():
            raise ValueError(f"takes a name for a share that stands for nothing else, got {min(reserved)!r}")

    def entered(self, result: Mapping[str, Any], name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """`result`, the content of result.json, with this as the finding of the measurement `name`.

        An earlier finding of that name goes.

        Args:
            settings: of the measurement, by which another run of it knows whether it has anything left to do.

        Raises:
            ValueError: when a share or a number has a name that is taken.
        """
        before = result["findings"].get(name, {})
        earlier = {*before.get("shares", {}), *before.get("numbers", {})}
        left = {key: value for key, value in result.items() if key not in earlier}
        for entry in ("counts", "intervals"):
            left[entry] = {key: value for key, value in result[entry].items() if key not in earlier}
        if taken := [key for key in (*self.shares, *self.numbers) if key in left]:
            raise ValueError(f"measurement.{name}: result.json has a {taken[0]} already")
        shares = _in_three({share: named.share for share, named in self.shares.items()})
        for entry in ("counts", "intervals"):
            left[entry] |= shares.pop(entry)
        numbers = {key: number.value for key, number in self.numbers.items()}
        about = {
            "settings": dict(settings),
            "title": self.title,
            "warning": self.warning,
            "shares": {
                share: {"about": named.about, "symbol": named.symbol, "bounds": named.bounds}
                for share, named in self.shares.items()
            },
            "numbers": {
                key: {"about": number.about, "symbol": number.symbol, "unit": number.unit}
                for key, number in self.numbers.items()
            },
            "curves": [_described(curve) for curve in self.curves],
            "columns": {column: each.about for column, each in self.columns.items()},
            "pictures": {picture: each.about for picture, each in self.pictures.items()},
        }
        return {**left, **shares, **numbers, "findings": {**result["findings"], name: about}}


def certifying(findings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The certified share of each that has one, by name, of the findings in a result.json.

    What attacks found lies on the one side of the true share and what is certified on the other.
    """
    return {
        about["bounds"]: name
        for finding in findings.values()
        for name, about in finding["shares"].items()
        if about.get("bounds")  # earlier versions did not say
    }


def _in_three(shares: Mapping[str, Share]) -> dict[str, Any]:
    return {
        **{name: share.value for name, share in shares.items()},
        "counts": {name: {"count": share.count, "of": share.of} for name, share in shares.items()},
        "intervals": {name: share.interval for name, share in shares.items()},
    }


def _described(curve: Curve) -> dict[str, Any]:
    points = [
        {
            "at": point.at,
            "count": point.share.count,
            "of": point.share.of,
            "value": point.share.value,
            "interval": point.share.interval,
        }
        for point in curve.points
    ]
    return {
        "name": curve.name,
        "about": curve.about,
        "over": curve.over,
        "unit": curve.unit,
        "points": points,
    }
