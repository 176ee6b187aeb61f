"""Runs that are typed, and where they lie."""

from __future__ import annotations

from pathlib import Path

SHORT = ("recipe.epochs=2", "recipe.train_limit=120", "evaluation.test_limit=100", "tracking=disabled")


def the_only_run(folder: Path) -> Path:
    (path,) = (folder / "outputs" / "runs").iterdir()
    return path
