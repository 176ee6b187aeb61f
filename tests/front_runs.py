"""Fronts whose runs have made-up results."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typed_command import Typed

from hypo.jobs import attempt as attempts
from hypo.jobs.job import Job
from hypo.runs.outcome import Outcome
from hypo.settings.identity import SCHEMA
from launchers.planning.report import Report

FRONT = ("hydra/sweeper=front", "lambda=0,100", "measurement=[]")

Front = Callable[..., Typed]
"""Types a front with these further words."""


def missing(report: Report) -> list[str]:
    return [job.run_id for job in report.sweep.jobs if job.directory.result() is None]


def begun(monkeypatch: pytest.MonkeyPatch, before: Callable[[Job], Outcome | None]) -> None:
    """Have each attempt at a run begin with `before`, and end there where that has an outcome."""

    def attempt(job: Job, *others: Any, **more: Any) -> Outcome:
        if outcome := before(job):
            return outcome
        job.create()
        lambda_ = job.config["lambda"] or 0
        steepness = 20 if job.config["defense"]["name"] == "thrm" else 30
        natural = 0.03 + 0.001 * job.config["seed"] + 0.02 * lambda_ / (lambda_ + 30)
        hypocritical = (92 - steepness * lambda_ / (lambda_ + 10)) / 100
        result = {
            **{"schema": SCHEMA, "run_id": job.run_id, "n": 1197, "D": 1 - natural, "counts": {}, "intervals": {}},
            **{"findings": {}, "R_nat": natural, "R_hyp_minus": hypocritical},
        }
        (job.directory.path / "result.json").write_text(json.dumps(result))
        return Outcome("done")

    monkeypatch.setattr(attempts, "attempt", attempt)
