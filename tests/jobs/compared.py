"""What a run that was stopped must have in common with one that was not, and how to stop it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas
from small_jobs import Silent

from hypo.runs.directory import RunDirectory


@dataclass
class Stopping(Silent):
    """Presses Ctrl-C after some epoch."""

    after: int

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        if row["epoch"] == self.after:
            raise KeyboardInterrupt


def files(path: Path) -> Mapping[str, bytes]:
    """What a run leaves that a second run of it must equal."""
    return {name: (path / name).read_bytes() for name in ("result.json", "model.safetensors", "config.yaml")}


def assert_same_results(found: RunDirectory, expected: RunDirectory) -> None:
    assert files(found.path) == files(expected.path)
    examples = [pandas.read_parquet(directory.path / "examples.parquet") for directory in (found, expected)]
    pandas.testing.assert_frame_equal(*examples, check_exact=True)
    histories = [
        pandas.read_csv(directory.path / "history.csv").drop(columns=["seconds", "images_per_second", "tflops"])
        for directory in (found, expected)
    ]
    pandas.testing.assert_frame_equal(*histories, check_exact=True)
