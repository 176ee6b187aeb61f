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
from analysis.reading.columns import METRICS
from analysis.reading.usage import of_attempt
from analysis.report.found import Found, Measured, Searched, found, measured, searched

_HISTORY = ("loss", "learning_rate", "clean_accuracy", "perturbed_accuracy")
_PERCENT = ("clean_accuracy", "perturbed_accuracy")


@dataclass(frozen=True)
class RunPage:
    """The parts of a page; each is empty where its file is missing or broken.

    Attributes:
        settings, environment: dotted key and value.
        attempts: what status.json says of each.
        history: the values of each column, epoch by epoch, accuracies in percent.
    """

    measured: tuple[Measured, ...]
    findings: tuple[Found, ...]
    searches: tuple[Searched, ...]
    settings: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]
    attempts: tuple[dict[str, str], ...]
    history: dict[str, list[float | None]]


def run_page(row: Mapping[str, Any], quality: int = 40) -> RunPage:
    """Read the run of `row` (of `contents`); without a config.yaml, as from W&B, its settings are the row's.

    `quality` is that of the pictures, as of `found`.
    """
    directory = Path(row["directory"])
    status, result = load(directory / "status.json")[0], load(directory / "result.json")[0]
    known = {
        key: value for key, value in row.items() if "." in key and not key.endswith("_target_") and value == value
    }
    names = [name for name in METRICS if not result or name in result] if row["state"] == "done" else []
    return RunPage(
        measured=tuple(measured(name, row, result) for name in names),
        findings=tuple(found(row, result, quality)),
        searches=tuple(searched(row)),
        settings=tuple(_leaves("", load(directory / "config.yaml")[0] or known)),
        environment=tuple(_leaves("", load(directory / "environment.json")[0])),
        attempts=tuple(_attempts(status)),
        history=_history(directory / "history.csv"),
    )


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
            yield {**{key: str(attempt.get(key) or "") for key in keys}, **of_attempt(attempt)}


def _history(path: Path) -> dict[str, list[float | None]]:
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
        return {key: [_value(key, row[key]) for row in rows] for key in _HISTORY}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _value(key: str, text: str) -> float | None:
    number = float(text) * (100 if key in _PERCENT else 1)
    return float(f"{number:.4g}") if math.isfinite(number) else None
