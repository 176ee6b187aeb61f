"""What a run found besides the risks, by its own description in result.json or in W&B's summary.

Nothing here knows a measurement: a share, a number, a curve, a column or a picture is shown as its description
says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from analysis.escaping import one_line
from analysis.reading.columns import SYMBOLS, ends
from hypo.settings.components import name_at

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
