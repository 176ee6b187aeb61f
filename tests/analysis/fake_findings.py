"""Findings in the results of fake runs: those of a measurement that nobody has heard of, and of known ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

Point = tuple[Any, int, int]
"""A value of the variable, and a count of how many."""


def add_finding(
    run: Path,
    key: str,
    title: str = "A finding",
    settings: Mapping[str, Any] | None = None,
    shares: Mapping[str, tuple[str, str | None, int, int]] | None = None,
    curves: Sequence[dict[str, Any]] = (),
    columns: Mapping[str, str] | None = None,
    pictures: Mapping[str, str] | None = None,
    warning: str = "",
    numbers: Mapping[str, tuple[str, str | None, float | None, str | None]] | None = None,
) -> Path:
    """Say in the run's result that it has a finding; `shares` have a text, a symbol, a count and of how many.

    `numbers` have a text, a symbol, a value and a unit.
    """
    path = run / "result.json"
    result = json.loads(path.read_text())
    for name, (_, _, count, of) in (shares or {}).items():
        result |= {name: count / of if of else None}
        result["counts"][name] = {"count": count, "of": of}
        result["intervals"][name] = interval(count, of)
    result |= {name: value for name, (_, _, value, _) in (numbers or {}).items()}
    result["findings"][key] = {
        "settings": {"_target_": key.capitalize(), **(settings or {})},
        "title": title,
        "warning": warning,
        "shares": {
            name: {"about": about, "symbol": symbol, "unit": "share"}
            for name, (about, symbol, *_) in (shares or {}).items()
        },
        "numbers": {
            name: {"about": about, "symbol": symbol, "unit": unit}
            for name, (about, symbol, _, unit) in (numbers or {}).items()
        },
        "curves": list(curves),
        "columns": dict(columns or {}),
        "pictures": dict(pictures or {}),
    }
    path.write_text(json.dumps(result))
    return run


def interval(count: int, of: int) -> list[float] | None:
    """Some interval around the share."""
    return [max(0.0, count / of - 0.05), min(1.0, count / of + 0.05)] if of else None


def curve(name: str, about: str, over: str, points: Sequence[Point], unit: str | None = None) -> dict[str, Any]:
    """A curve as result.json has it."""
    found = [
        {"at": at, "count": n, "of": of, "value": n / of if of else None, "interval": interval(n, of)}
        for at, n, of in points
    ]
    return {"name": name, "about": about, "over": over, "unit": unit, "points": found}


def add_targets(run: Path, **classes: tuple[int, int, int]) -> Path:
    """Say in the run's result how many of how many mistakes were at each class already, and were moved there."""
    already = [(name, at, of) for name, (at, _, of) in classes.items()]
    moved = [(name, to, of - at) for name, (at, to, of) in classes.items()]
    curves = [
        curve("already", "predicted as the class without an attack", "target class", already),
        curve("moved", "moved to the class by the attack", "target class", moved),
    ]
    return add_finding(run, "targeted", "Mistakes by target class", curves=curves)


def ask_for(run: Path, *measurements: str) -> Path:
    """Let the run's config ask for `measurements`."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["measurement"] = {name: {"_target_": name.capitalize(), "steps": 5} for name in measurements}
    (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    return run


WRINKLED, UNDER_SAND = "share of the images that wrinkle", "share that wrinkles under sand"


def add_wrinkles(run: Path, count: int = 30, of: int = 120, **settings: Any) -> Path:
    """The finding of a measurement that nobody has heard of: two shares, two curves, two columns and a picture."""
    by_radius = [(radius, round(of * radius), of) for radius in (0.1, 0.2, 0.4, 0.8)]
    by_cloth = [("linen", count, of), ("velvet", of // 2, of), ("silk", 0, 0)]
    folder = run / "measurements" / "wrinkles"
    folder.mkdir(parents=True)
    Image.radial_gradient("L").save(folder / "map.png")
    return add_finding(
        ask_for(run, "wrinkles"),
        "wrinkles",
        "Wrinkles of the decision boundary",
        settings=settings,
        shares={
            "W_boundary": (WRINKLED, "W_b⁺", count, of),
            "W_never": ("share that never does", None, 0, 0),
        },
        curves=[
            curve("sand", UNDER_SAND, "radius", by_radius, unit="pixels"),
            curve("cloth", "share that wrinkles in cloth", "kind of cloth", by_cloth),
        ],
        columns={"wrinkle": "how deep it goes, in pixels", "fold": "whether it folds"},
        pictures={"map": "where it wrinkles"},
    )
