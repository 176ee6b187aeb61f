"""What a run found besides the risks, by its own description in result.json or in W&B's summary.

Nothing here knows a measurement: a share, a number, a curve, a column or a picture is shown as its description
says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from analysis.escaping import one_line
from analysis.reading.columns import SYMBOLS, TAKEN, ends
from hypo.settings.components import name_at

_SHARE = re.compile(r"[A-Za-z]\w*", re.ASCII)
_KEY = re.compile(r"\w[\w-]*")

Findings = Mapping[str, Mapping[str, Any]]
"""By the measurement's key in the config, as in result.json."""

MARK = "†"
"""Stands in every table at what a run with a warning is part of."""


@dataclass(frozen=True)
class Share:
    """A fraction that a measurement added to those of every run; `symbol` is how it is printed, like no other."""

    name: str
    symbol: str
    about: str
    finding: str
    title: str

    unit: ClassVar[str] = "percent"
    factor: ClassVar[int] = 100
    """What its column is multiplied with to be shown in its unit."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of `collect`."""
        return ends(self.name)

    @property
    def line(self) -> str:
        """What it is, as a line under a table."""
        return f"{self.symbol}: {self.about} ({self.title})"


@dataclass(frozen=True)
class Number:
    """A plain number that a measurement added; `unit` is "" where it has none, `symbol` as of a share."""

    name: str
    symbol: str
    about: str
    finding: str
    title: str
    unit: str

    factor: ClassVar[int] = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The one of `collect`."""
        return (self.name,)

    @property
    def line(self) -> str:
        """What it is, as a line under a table of percentages."""
        return f"{self.symbol}: {self.about}, a number{f' in {self.unit}' if self.unit else ''} ({self.title})"


Quantity = Share | Number
"""What a measurement added to the columns of every run."""


@dataclass(frozen=True)
class Curve:
    """A fraction over a variable; `unit` is that of the variable, "" where it has none."""

    finding: str
    name: str
    about: str
    over: str
    unit: str
    title: str

    @property
    def key(self) -> str:
        """As it is typed: targeted.moved."""
        return f"{self.finding}.{self.name}"

    @property
    def axis(self) -> str:
        """The variable with its unit."""
        return f"{self.over} ({self.unit})" if self.unit else self.over


def checked(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The findings of a result, whole and with texts that are harmless; none where it has none.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: for what is not as it has to be.
    """
    # W&B keeps no empty mapping.
    return {_named(key, _KEY): _finding(found) for key, found in (result.get("findings") or {}).items()}


def searches(result: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """How many flags each search decided, by search, in turn, and by flag, and in how many `passes`.

    These are not there in runs from before they were counted. Errors are as of `checked`.
    """
    found = result.get("searches") or {}
    return {one_line(name): {one_line(flag): int(n) for flag, n in by.items()} for name, by in found.items()}


def lacking(config: Mapping[str, Any], found: Findings) -> list[str]:
    """The measurements that `config` asks for and that are no findings, or were made with other settings."""
    asked = config.get("measurement")
    if not isinstance(asked, dict):
        return []
    settings = {key: finding.get("settings") for key, finding in found.items()}
    return [one_line(key) for key in asked if key not in settings or not _is_set_so(asked[key], settings[key])]


def _is_set_so(asked: Any, settings: Any) -> bool:
    """Whether a measurement was made as it is asked for, in all that its settings tell apart."""
    if isinstance(asked, dict) and isinstance(settings, dict):
        return all(_is_set_so(asked[key], settings[key]) for key in settings if key in asked)
    if isinstance(asked, dict) and isinstance(
        settings, list
    ):  # components by name, whose names tell nothing apart
        return len(asked) == len(settings) and all(map(_is_set_so, asked.values(), settings))
    return bool(asked == settings or name_at(str(asked)) == settings)


def quantities(of_runs: Iterable[Findings]) -> dict[str, Quantity]:
    """Every share and every number that a finding has, by name, in the order in which they come."""
    found: dict[str, Quantity] = {}
    for findings in of_runs:
        for key, finding in findings.items():
            for name, about in (finding["shares"] | finding["numbers"]).items():
                printed = {*SYMBOLS, *(quantity.symbol for quantity in found.values())}
                symbol = name if about["symbol"] in ("", *printed) else about["symbol"]
                described = (name, symbol, about["about"], key, finding["title"])
                is_number = name in finding["numbers"]
                found.setdefault(name, Number(*described, about["unit"]) if is_number else Share(*described))
    return found


def shares(of_runs: Iterable[Findings]) -> dict[str, Share]:
    """Those of `quantities` that are shares."""
    return {name: found for name, found in quantities(of_runs).items() if isinstance(found, Share)}


def numbers(of_runs: Iterable[Findings]) -> dict[str, Number]:
    """Those of `quantities` that are numbers."""
    return {name: found for name, found in quantities(of_runs).items() if isinstance(found, Number)}


def curves(of_runs: Iterable[Findings]) -> dict[str, Curve]:
    """Every curve that a finding has, by `Curve.key`, in the order in which they come."""
    found: dict[str, Curve] = {}
    for findings in of_runs:
        for key, finding in findings.items():
            for each in finding["curves"]:
                texts = {name: each[name] for name in ("name", "about", "over", "unit")}
                curve = Curve(finding=key, title=finding["title"], **texts)
                found.setdefault(curve.key, curve)
    return found


def warnings(of_runs: Iterable[Findings]) -> tuple[str, ...]:
    """What the findings warn of, each once: whoever reads a number of these runs has to know it."""
    texts = (finding["warning"] for findings in of_runs for finding in findings.values())
    return tuple(dict.fromkeys(text for text in texts if text))


def marked(text: str, warned: object) -> str:
    """`text`, with the mark where there is a warning."""
    return f"{text} {MARK}" if warned else text


def points(findings: Findings, curve: Curve) -> list[dict[str, Any]] | None:
    """The points of that curve in one run's findings; None where the run has no such curve."""
    of_finding = findings.get(curve.finding, {"curves": []})["curves"]
    return next((each["points"] for each in of_finding if each["name"] == curve.name), None)


def fraction(value: Any) -> float:
    """`value` as what a share has to be; ValueError or TypeError for anything else."""
    found = float(value)
    if not 0 <= found <= 1:  # NaN neither
        raise ValueError(f"{value} is no fraction in [0, 1]")
    return found


def plain_number(value: Any) -> float:
    """`value` as what a number has to be; ValueError or TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _finding(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "settings": dict(found.get("settings") or {}),
        "title": one_line(found["title"]),
        "warning": one_line(found.get("warning") or ""),
        "shares": _quantities(found.get("shares"), ("about", "symbol", "bounds")),
        "numbers": _quantities(found.get("numbers"), ("about", "symbol", "unit")),
        "curves": [_curve(each) for each in found.get("curves") or ()],
        **{
            kind: {one_line(name): one_line(about) for name, about in (found.get(kind) or {}).items()}
            for kind in ("columns", "pictures")
        },
    }


def _quantities(found: Mapping[str, Any] | None, entries: tuple[str, ...]) -> dict[str, dict[str, str]]:
    return {
        _name(name): {entry: one_line(about.get(entry)) for entry in entries}
        for name, about in (found or {}).items()  # what was written before there were numbers has none
    }


def _curve(found: Mapping[str, Any]) -> dict[str, Any]:
    about = {key: one_line(found.get(key)) for key in ("about", "over", "unit")}
    return {
        "name": one_line(found["name"]),
        **about,
        "points": [_point(each) for each in found.get("points") or ()],
    }


def _point(found: Mapping[str, Any]) -> dict[str, Any]:
    value, interval, at = found["value"], found.get("interval"), found["at"]
    is_number = isinstance(at, (int, float)) and not isinstance(at, bool) and math.isfinite(at)
    return {
        "at": at if is_number else one_line(at),
        "count": int(found["count"]),
        "of": int(found["of"]),
        "value": None if value is None else fraction(value),
        "interval": None if interval is None else [fraction(end) for end in interval],
    }


def _name(name: object) -> str:
    if name in TAKEN:
        raise ValueError(f"a share is called {name!r}, which is a column of its own")
    return _named(name, _SHARE)


def _named(name: object, pattern: re.Pattern[str]) -> str:
    """A share may stand in a chart's formula, a measurement in the name of a file."""
    if not pattern.fullmatch(str(name)):
        raise ValueError(f"a name is letters, digits and underscores, got {one_line(name)!r}")
    return str(name)
