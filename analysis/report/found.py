"""What a run's page shows of its findings, by what they say of themselves."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.reading import findings
from analysis.reading.findings import Curve, Number, Share
from hypo.measurements.finding import certifying
from hypo.measurements.pictures import Sheet, read_sheet
from hypo.measurements.searched import SHARES, SoFar, so_far

UNKNOWN = "unknown"
"""What stands for a number that could not be found."""

_PLAIN = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class Measured:
    """One line of the results: percent, the counts behind it, and the ends of its 95 % interval.

    `between` has what was found and what is certified, between which the true share lies; "" for no certificate.
    """

    name: str
    value: str
    counts: str
    interval: str
    between: str


@dataclass(frozen=True)
class Searched:
    """One search: what it decided itself, and in percent what it and those before it had found when it was over.

    `differences` is by how many points that is more than what the first search found alone, "" for itself.
    `passes` is what it took, and `relative` all so far in units of the first; "" where not counted.
    """

    name: str
    decided: Mapping[str, int]
    shares: tuple[str, ...]
    differences: tuple[str, ...]
    passes: str
    relative: str


@dataclass(frozen=True)
class DrawnCurve:
    """A curve with the records of its chart, in percent; `chart` is "bars" over words, else "line"."""

    about: Curve
    chart: str
    points: list[dict[str, Any]]


@dataclass(frozen=True)
class Picture:
    """A picture as WebP; `sheet` says what its columns show, if it is one of single examples."""

    finding: str
    name: str
    about: str
    content: bytes
    sheet: Sheet | None

    def file(self, stem: str) -> str:
        """Its file beside the page `stem`."""
        return f"{stem}-{self.finding}-{self.name}.webp"


@dataclass(frozen=True)
class Found:
    """One finding, its numbers with their units.

    `columns` are those of `table`, a file in the run directory; "" for none, like `warning`.
    """

    key: str
    title: str
    warning: str
    shares: tuple[tuple[Share, Measured], ...]
    numbers: tuple[tuple[Number, str], ...]
    curves: tuple[DrawnCurve, ...]
    columns: Mapping[str, str]
    table: str
    pictures: tuple[Picture, ...]


def found(row: Mapping[str, Any], result: Mapping[str, Any], quality: int = 40) -> Iterator[Found]:
    """The findings of the run of `row` (of `contents`); counts are from `result`, where they can be read.

    `quality`, from 0 to 100, is that of the pictures: a report may have hundreds.
    """
    directory = Path(row["directory"])
    for key, finding in row["findings"].items():
        of_one = {key: finding}
        shares = findings.shares([of_one]).values()
        columns = finding["columns"]
        yield Found(
            key=key,
            title=finding["title"],
            warning=finding["warning"],
            shares=tuple((share, measured(share.name, row, result)) for share in shares),
            numbers=tuple(
                (number, _number(row[number.name], number.unit)) for number in findings.numbers([of_one]).values()
            ),
            curves=tuple(_drawn(curve, of_one) for curve in findings.curves([of_one]).values()),
            columns=columns,
            table=f"measurements/{key}/examples.parquet" if columns else "",
            pictures=tuple(_pictures(directory, key, finding["pictures"], quality)),
        )


def searched(row: Mapping[str, Any]) -> Iterator[Searched]:
    """The searches of the run of `row` (of `contents`), in turn."""
    steps = so_far(row) if row["searches"] else []
    for step in steps:
        alone = steps[0].shares

        def difference(name: str, step: SoFar = step, alone: Mapping[str, float | None] = alone) -> str:
            now, first = step.shares[name], alone[name]
            return "" if now is None or first is None or step is steps[0] else f"{now - first:+.2f}"

        yield Searched(
            name=step.search,
            decided=step.decided,
            shares=tuple(_percent(step.shares[name]) for name in SHARES),
            differences=tuple(map(difference, SHARES)),
            passes="" if step.passes is None else f"{step.passes:,}",
            relative="" if step.relative_passes is None else f"{step.relative_passes:.2f}",
        )


def measured(name: str, row: Mapping[str, Any], result: Mapping[str, Any]) -> Measured:
    """One metric or share of the run of `row` (of `contents`)."""
    value, low, high = (row[column] for column in (name, f"{name}_lower", f"{name}_upper"))
    known = counted(name, result)
    counts = "" if known is None else "{:,} of {:,}".format(*known)
    bound = row.get(certifying(row["findings"]).get(name, ""))
    between = "" if value is None or bound is None else _interval(*sorted((value, bound)))
    return Measured(name, _percent(value), counts, "" if low is None else _interval(low, high), between)


def counted(name: str, result: Mapping[str, Any]) -> tuple[int, int] | None:
    """How many of how many a metric or share is, by `result`; None where that cannot be read."""
    counts = result.get("counts")
    entry = counts.get(name) if isinstance(counts, dict) else None
    count, of = (entry.get(key) if isinstance(entry, dict) else None for key in ("count", "of"))
    return (count, of) if isinstance(count, int) and isinstance(of, int) else None


def _number(value: float | None, unit: str) -> str:
    return UNKNOWN if value is None else f"{value:.4g} {unit}".rstrip()


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _interval(low: float, high: float) -> str:
    return f"[{low:.2f}, {high:.2f}]"


def _drawn(curve: Curve, of_one: findings.Findings) -> DrawnCurve:
    points = findings.points(of_one, curve) or []
    over_words = any(isinstance(point["at"], str) for point in points)
    return DrawnCurve(curve, "bars" if over_words else "line", [_record(point) for point in points])


def _record(point: Mapping[str, Any]) -> dict[str, Any]:
    low, high = (None if end is None else 100 * end for end in point["interval"] or (None, None))
    value = None if point["value"] is None else 100 * point["value"]
    return {
        "at": point["at"],
        "value": value,
        "low": low,
        "high": high,
        "shown": _percent(value),
        "counts": f"{point['count']:,} of {point['of']:,}",
        "interval": "" if low is None or high is None else _interval(low, high),
    }


def _pictures(directory: Path, key: str, pictures: Mapping[str, str], quality: int) -> Iterator[Picture]:
    for name, about in pictures.items():
        if not _PLAIN.fullmatch(name):  # it comes from a file, and may not lead out of the folder
            continue
        content, sheet = _picture(directory / "measurements" / key / f"{name}.png", quality)
        if content is not None:
            yield Picture(key, name, about, content, sheet)


def _picture(path: Path, quality: int) -> tuple[bytes | None, Sheet | None]:
    """As WebP, at quality 40 a sixth of its size. Nothing where it is missing or broken."""
    from PIL import Image

    content = io.BytesIO()
    try:
        with Image.open(path) as picture:
            picture.convert("RGB").save(content, "webp", quality=quality, method=6)
    except (OSError, ValueError):
        return None, None
    try:
        return content.getvalue(), read_sheet(path)
    except (OSError, ValueError, KeyError, TypeError):
        return content.getvalue(), None
