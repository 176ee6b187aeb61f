"""Run directories of commands as they would be typed: the real settings, with made-up results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import composing
import yaml
from fake_runs import METRICS


def add(outputs: Path, *typed: str, drop: Sequence[str] = (), **metrics: float | None) -> Path:
    """The directory under `outputs` of `python -m hypo.run` with `typed`, done; metrics are 0.5 unless given.

    `drop` names single settings that an older version did not record.
    """
    job = composing.job(*typed, f"output_dir={outputs}")
    job.create()
    path = job.directory.path
    if drop:
        record = yaml.safe_load((path / "config.yaml").read_text())
        for key in drop:
            *groups, name = key.split(".")
            inner = record
            for group in groups:
                inner = inner[group]
            del inner[name]
        (path / "config.yaml").write_text(yaml.safe_dump(record))
    measured = {metric: metrics.get(metric, 0.5) for metric in dict.fromkeys((*METRICS, *metrics))}
    result = {"schema": 2, "run_id": job.run_id, "n": 10000, **measured, "counts": {}, "intervals": {}}
    (path / "result.json").write_text(json.dumps(result))
    return path
