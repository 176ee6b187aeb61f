"""What one run's page says: its files, read as far as they can be."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.reading.collect import load
from analysis.reading.measured import CERTIFIED, METRICS
from hypo.measurements.pictures import Sheet, read_sheet

_HISTORY = ("loss", "learning_rate", "clean_accuracy", "perturbed_accuracy")
_PERCENT = ("clean_accuracy", "perturbed_accuracy")


@dataclass(frozen=True)
class Measured:
    """One line of the results: percent, the counts behind it, and the ends of its 95 % interval."""

    name: str
    value: str
    counts: str
    interval: str


@dataclass(frozen=True)
class RunPage:
    """The parts of a page; each is empty where its file is missing or broken.

    Attributes:
        settings, environment: dotted key and value.
        attempts: what status.json says of each.
        history: the values of each column, epoch by epoch, accuracies in percent.
        picture: WebP, with `sheet` for what it shows; both None without hidden.png.
    """

    measured: tuple[Measured, ...]
    settings: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]
    attempts: tuple[dict[str, str], ...]
    history: dict[str, list[float | None]]
    sheet: Sheet | None
    picture: bytes | None


def run_page(row: Mapping[str, Any]) -> RunPage:
    """Read the run of `row` (of `collect`); without a config.yaml, as from W&B, its settings are the row's."""
    directory = Path(row["directory"])
    status, result = load(directory / "status.json")[0], load(directory / "result.json")[0]
    known = {
        key: value for key, value in row.items() if "." in key and not key.endswith("_target_") and value == value
    }
    sheet, picture = _picture(directory / "hidden.png")
    return RunPage(
        measured=tuple(_measured(result)) if row["state"] == "done" else (),
        settings=tuple(_leaves("", load(directory / "config.yaml")[0] or known)),
        environment=tuple(_leaves("", load(directory / "environment.json")[0])),
        attempts=tuple(_attempts(status)),
        history=_history(directory / "history.csv"),
        sheet=sheet,
        picture=picture,
    )


def _measured(result: dict[str, Any]) -> Iterator[Measured]:
    """The metrics of a result that `collect` could read, with counts where there are some."""
    counts = result.get("counts")
    for name in (name for name in (*METRICS, *CERTIFIED) if name in result):
        value, interval = result.get(name), result.get("intervals", {}).get(name)
        ends = "" if interval is None else f"[{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]"
        shown = "undefined" if value is None else f"{100 * value:.2f}"
        count = counts.get(name) if isinstance(counts, dict) else None
        of = "{count:,} of {of:,}".format(**count) if isinstance(count, dict) else ""
        yield Measured(name, shown, of, ends)


def _leaves(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "_target_":  # the name of the option says as much
                yield from _leaves(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        yield prefix, "" if value is None else str(value)


def _attempts(status: dict[str, Any]) -> Iterator[dict[str, str]]:
    attempts = status.get("attempts")
    for attempt in attempts if isinstance(attempts, list) else []:
        if isinstance(attempt, dict):
            keys = ("started_at", "ended_at", "host", "outcome", "reason")
            yield {key: str(attempt.get(key) or "") for key in keys}


def _history(path: Path) -> dict[str, list[float | None]]:
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
        return {key: [_value(key, row[key]) for row in rows] for key in _HISTORY}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _value(key: str, text: str) -> float | None:
    number = float(text) * (100 if key in _PERCENT else 1)
    return float(f"{number:.4g}") if math.isfinite(number) else None


def _picture(path: Path) -> tuple[Sheet, bytes] | tuple[None, None]:
    """As WebP, a sixth of its size: a report may have hundreds."""
    from PIL import Image

    content = io.BytesIO()
    try:
        sheet = read_sheet(path)
        with Image.open(path) as picture:
            picture.convert("RGB").save(content, "webp", quality=40, method=6)
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
    return sheet, content.getvalue()
