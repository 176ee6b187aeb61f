"""What was audited, in words: the model, the images, and how far they may be moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from analysis.audit.numbers import Number
from analysis.report.run_page import RunPage

_NORMS = {
    "linf": "ℓ∞, ε = {}: each pixel value may change by up to that much, of a range from 0 to 1",
    "l2": "ℓ2, ε = {}: the image may move by up to that Euclidean distance, pixel values from 0 to 1",
}


def title(row: Mapping[str, Any]) -> str:
    """As in "lenet on mnist"."""
    return f"{_model(row)} on {row['dataset'] or 'unknown data'}"


def about(row: Mapping[str, Any], page: RunPage, clean: Number, searches: Sequence[str]) -> dict[str, str]:
    """Lines by what they are about, without those on which nothing is known.

    `clean` is D, `searches` has the names of the searches.
    """
    environment = dict(page.environment)
    images = f"{clean.of:,} test images of {row['dataset']}" if clean.of else str(row["dataset"])
    where = ", ".join(environment[key] for key in ("device_name", "device") if environment.get(key))
    torch = f"torch {environment['packages.torch']}" if "packages.torch" in environment else ""
    ended = [attempt["ended_at"] for attempt in page.attempts if attempt["ended_at"]][-1:]
    ended = [f"{each[:16].replace('T', ' ')} UTC" for each in ended]
    known = {
        "model": _trained(row),
        "images": images,
        "threat model": _NORMS.get(row["norm"], f"{row['norm']}, ε = {{}}").format(row["epsilon"]),
        "attacked by": row["evaluation"] + (f": {', '.join(searches)}" if searches else ""),
        "measured": ", ".join(text for text in (*ended, where, torch) if text),
        "run": f"{row['name']}, {row['run_id']}",
    }
    return {key: text for key, text in known.items() if text}


def _model(row: Mapping[str, Any]) -> str:
    """By its file, if it is one, else by its architecture."""
    path = row.get("arch.path")
    return PurePath(path).name if isinstance(path, str) and path else str(row["arch"] or "a model")


def _trained(row: Mapping[str, Any]) -> str:
    weight = f", λ = {row['lambda']}" if row["lambda"] else ""
    seed = "" if row["seed"] is None else f", seed {row['seed']}"
    return f"{_model(row)}, trained with {row['defense']}{weight}{seed}" if row["defense"] else _model(row)
