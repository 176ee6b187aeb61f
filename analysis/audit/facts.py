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


_OF_FILES = ("image_folder", "parquet")
"""Data sets that are told apart by where their files lie."""


def title(row: Mapping[str, Any], page: RunPage) -> str:
    """As in "lenet on mnist"."""
    return f"{_model(row)} on {_images(row, page)}"


def about(row: Mapping[str, Any], page: RunPage, clean: Number, searches: Sequence[str]) -> dict[str, str]:
    """Lines by what they are about, without those on which nothing is known.

    `clean` is D, `searches` has the names of the searches.
    """
    environment = dict(page.environment)
    images = _images(row, page)
    where = ", ".join(environment[key] for key in ("device_name", "device") if environment.get(key))
    torch = f"torch {environment['packages.torch']}" if "packages.torch" in environment else ""
    ended = [attempt["ended_at"] for attempt in page.attempts if attempt["ended_at"]][-1:]
    when = [f"{each[:16].replace('T', ' ')} UTC" for each in ended]
    known = {
        "model": _trained(row),
        "images": f"{clean.of:,} test images of {images}" if clean.of else images,
        "threat model": _NORMS.get(row["norm"], f"{row['norm']}, ε = {{}}").format(row["epsilon"]),
        "attacked by": row["evaluation"] + (f": {', '.join(searches)}" if searches else ""),
        "measured": ", ".join(text for text in (*when, where, torch) if text),
        "run": f"{row['name']}, {row['run_id']}",
    }
    return {key: text for key, text in known.items() if text}


def _model(row: Mapping[str, Any]) -> str:
    """By its file, if it is one, else by its architecture; the file of a run says as little as all of them."""
    path = row.get("arch.path")
    if not isinstance(path, str) or not path:
        return str(row["arch"] or "a model")
    file = PurePath(path)
    return file.parent.name if file.name == "model.safetensors" else file.name


def _trained(row: Mapping[str, Any]) -> str:
    if row.get("arch.path") or row.get("arch.weights"):
        return f"{_model(row)}, measured as it is ({row['arch']})"
    weight = f", λ = {row['lambda']}" if row["lambda"] else ""
    seed = "" if row["seed"] is None else f", seed {row['seed']}"
    return f"{_model(row)}, trained with {row['defense']}{weight}{seed}" if row["defense"] else _model(row)


def _images(row: Mapping[str, Any], page: RunPage) -> str:
    root = dict(page.settings).get("dataset.root", "")
    if row["dataset"] in _OF_FILES and root:
        return PurePath(root).name
    return str(row["dataset"] or "unknown images")
