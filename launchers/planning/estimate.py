"""What a sweep will cost, after earlier runs of the same kind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from hypo.jobs.job import Job
from hypo.runs import status as run_status

_ENOUGH = 20
_KIND = ("dataset", "training_data", "arch", "recipe", "evaluation")


def seconds(jobs: Iterable[Job]) -> dict[str, float | None]:
    """For each run id the median time of runs that differ in λ, ε or seed alone; None without any."""
    by_kind: dict[str, float | None] = {}
    expected = {}
    for job in jobs:
        alike = kind(job.config)
        if alike not in by_kind:
            by_kind[alike] = _of_kind(job)
        expected[job.run_id] = by_kind[alike]
    return expected


def kind(config: Mapping[str, Any]) -> str:
    """The same for the configs of runs that take as long, and as much memory."""
    settings = repr([config[group] for group in _KIND] + [config["defense"]["name"]])
    return hashlib.sha256(settings.encode()).hexdigest()[:12]


def _of_kind(job: Job) -> float | None:
    """The median over the latest runs; what they are is told by their names first, which need not be opened."""
    if not job.runs.is_dir():
        return None
    alike = job.name.partition(job.label)[0] + job.config["defense"]["name"] + "-"
    results = [path / "result.json" for path in job.runs.iterdir() if path.name.startswith(alike)]
    took: list[float] = []
    for result in sorted(filter(Path.exists, results), key=lambda path: path.stat().st_mtime, reverse=True):
        if len(took) == _ENOUGH:
            break
        if _is_alike(job, result.parent):
            took.append(_duration(run_status.read(result.parent)))
    return median(took) if took else None


def _is_alike(job: Job, directory: Path) -> bool:
    try:
        config = yaml.safe_load((directory / "config.yaml").read_text())
        return all(config[group] == job.config[group] for group in _KIND)
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return False


def _duration(status: Mapping[str, Any]) -> float:
    """All attempts together; those that were cut off without a word are not counted."""
    total = 0.0
    for attempt in status.get("attempts", []):
        if "ended_at" in attempt:
            ended, started = (datetime.fromisoformat(attempt[key]) for key in ("ended_at", "started_at"))
            total += (ended - started).total_seconds()
    return total
