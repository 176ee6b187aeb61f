"""What an audit says of a finished run, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.audit import facts, verdict
from analysis.audit.charts import rows
from analysis.audit.numbers import Number, number
from analysis.audit.outcomes import Outcome, outcomes
from analysis.audit.searches import in_turn
from analysis.audit.together import Together, drawn_together
from analysis.audit.worst import ByClass, take_classes
from analysis.escaping import one_line
from analysis.reading.collect import collect, load
from analysis.reading.columns import METRICS
from analysis.report.contents import records
from analysis.report.found import DrawnCurve, Found
from analysis.report.run_page import RunPage, run_page
from hypo.measurements.finding import certifying
from hypo.measurements.searched import SoFar
from hypo.settings.errors import InputError

_QUALITY = 90  # of the pictures: there are few, and they are looked at closely
_WORDS = 40  # that have a row each


@dataclass(frozen=True)
class Section:
    """A finding, with the charts that some of its curves make together and that it no longer has."""

    finding: Found
    charts: tuple[Together, ...]


@dataclass(frozen=True)
class Contents:
    """The page.

    Attributes:
        title: the model and what it was shown. about: lines on these, by what they are about.
        run: the record of the run, of `report.contents.records`. page: what its page in a report says.
        warnings: a line each, with the title of the finding that warns.
        headline, sentences, masking: the verdict.
        numbers: the tiles.
        sections: of the findings that have something left to show.
        typed, typed_in: the command that the audit was asked for with, and in which folder; "" where unknown.
    """

    title: str
    about: Mapping[str, str]
    run: Mapping[str, Any]
    page: RunPage
    warnings: tuple[tuple[str, str], ...]
    headline: str
    sentences: tuple[str, ...]
    masking: str
    numbers: Mapping[str, Number]
    outcomes: tuple[Outcome, ...]
    searches: tuple[SoFar, ...]
    classes: ByClass | None
    sections: tuple[Section, ...]
    typed: str
    typed_in: str

    @property
    def curves(self) -> tuple[DrawnCurve, ...]:
        """Those that are drawn alone."""
        return tuple(curve for section in self.sections for curve in section.finding.curves)

    @property
    def bounded(self) -> bool:
        """Whether anything is certified."""
        return any(line.between for line in self.page.measured)

    @property
    def counted(self) -> bool:
        """Whether the passes of any search are known."""
        return any(each.passes is not None for each in self.searches)


def contents(run_directory: Path) -> Contents:
    """What the page on the run at `run_directory` says.

    Raises:
        InputError: it is no single run that is done.
    """
    frame = collect(run_directory)
    if len(frame) != 1:
        raise InputError(f"{run_directory}: takes the directory of one run, got {len(frame)} runs")
    (row,) = records(frame)
    if row["state"] != "done":
        raise InputError(f"{run_directory}: takes a finished run; this one is {row['state']}: {row['reason']}")
    result, _ = load(Path(row["directory"]) / "result.json")
    status, _ = load(Path(row["directory"]) / "status.json")
    page = run_page(row, _QUALITY)
    numbers = {name: number(name, row, result) for name in METRICS}
    certified = {name: number(bound, row, result) for name, bound in certifying(row["findings"]).items()}
    classes, findings = take_classes(page.findings)
    searches = in_turn(row)
    return Contents(
        title=facts.title(row, page),
        about=facts.about(row, page, numbers["D"], [each.search for each in searches]),
        run=row,
        page=page,
        warnings=tuple((each.title, each.warning) for each in findings if each.warning),
        headline=verdict.headline(numbers),
        sentences=tuple(verdict.sentences(numbers, certified, searches, classes, findings)),
        masking=verdict.masking(findings),
        numbers=numbers,
        outcomes=outcomes(numbers),
        searches=searches,
        classes=classes,
        sections=tuple(_sections(findings, row["epsilon_value"])),
        typed=one_line(status.get("typed")),
        typed_in=one_line(status.get("typed_in")),
    )


def _lying(finding: Found) -> Found:
    """With bars that lie, where there are not too many of them."""
    curves = (
        replace(curve, chart=rows(len(curve.points)))
        if curve.chart == "bars" and len(curve.points) <= _WORDS
        else curve
        for curve in finding.curves
    )
    return replace(finding, curves=tuple(curves))


def _sections(findings: tuple[Found, ...], epsilon: float) -> Iterator[Section]:
    """First those over the radius, then those with pictures, then the others."""
    own = epsilon if epsilon == epsilon else None
    sections = [Section(_lying(left), charts) for charts, left in (drawn_together(each, own) for each in findings)]
    full = [each for each in sections if each.charts or _has_something(each.finding)]
    yield from sorted(full, key=lambda each: (not each.charts, not each.finding.pictures))


def _has_something(finding: Found) -> bool:
    return bool(finding.shares or finding.numbers or finding.curves or finding.columns or finding.pictures)
