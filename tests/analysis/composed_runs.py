"""Run directories of commands as they would be typed: the real settings, with made-up results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import composing
import yaml
from fake_runs import METRICS

from analysis.reading.columns import METRICS as COLUMNS


def add(outputs: Path, *typed: str, drop: Sequence[str] = (), **metrics: float | None) -> Path:
    """The directory under `outputs` of `python -m hypo.run` with `typed`, done; metrics are 0.5 unless given.

    `drop` names single settings that an older version did not record.
    """
    job = composing.cell(*typed, f"output_dir={outputs}")
    job.create()
    path = job.directory.path
    if drop:
        settings = record(path)
        for key in drop:
            *groups, name = key.split(".")
            inner = settings
            for group in groups:
                inner = inner[group]
            del inner[name]
        (path / "config.yaml").write_text(yaml.safe_dump(settings))
    measured = {metric: metrics.get(metric, 0.5) for metric in dict.fromkeys((*METRICS, *metrics))}
    result = {"schema": 2, "run_id": job.run_id, "n": 10000, **measured, "counts": {}, "intervals": {}}
    shares = {name: {"about": name, "symbol": None, "unit": "share"} for name in metrics if name not in COLUMNS}
    asked = record(path).get("measurement", {})
    result["findings"] = {key: {"settings": {}, "title": key, "shares": {}} for key in asked}
    if shares:
        result["findings"]["certificate"] = {"settings": {}, "title": "Certificate", "shares": shares}
    (path / "result.json").write_text(json.dumps(result))
    return path


def record(run: Path) -> dict[str, Any]:
    """The config of a run directory."""
    found: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text())
    return found
