"""What papers print of the first toy problem."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import analysis.paper

_REFERENCE = Path(analysis.paper.__file__).parent / "reference"


def published(problem: str) -> Mapping[tuple[str, str], float]:
    """By classifier and risk, the published shares in [0, 1] of `problem`, as the reference files call it."""
    found = {}
    for path in sorted(_REFERENCE.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                if line["dataset"] == problem:
                    found[line["arch"], line["metric"]] = float(line["mean"]) / 100
    return found
