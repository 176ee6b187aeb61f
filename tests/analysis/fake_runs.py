"""A builder of run directories as `hypo` leaves them, done or not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import yaml

METRICS = ["D", "A", "F", "R_nat", "R_adv", "R_adv_plus", "R_hyp", "R_hyp_minus", "R_sta", "R_sta_minus"]

MakeRun = Callable[..., Path]


def make_run(
    outputs: Path,
    defense: str = "thrm",
    lambda_: Any = 5,
    seed: int = 0,
    state: str = "done",
    epsilon: Any = 0.1,
    config: dict[str, dict[str, Any]] | None = None,
    status: dict[str, Any] | None = None,
    **metrics: float | None,
) -> Path:
    """Write one run directory under `outputs`/runs and return it.

    `config` holds settings to change, group by group; `status` keys of status.json to change; `metrics`
    fractions of result.json, 0.5 each unless given. A run that is not done gets no result.json.
    """
    groups: dict[str, dict[str, Any]] = {
        "dataset": {"name": "digits", "_target_": "hypo.datasets.digits.Digits", "root": str(outputs)},
        "training_data": {"name": "quality"},
        "arch": {"name": "mlp", "width": 128},
        "defense": {"name": defense, "_target_": f"hypo.defenses.{defense}", "lambda_": lambda_},
        "threat_model": {"name": "linf", "epsilon": 0.1},
        "recipe": {"name": "digits", "epochs": 40, "milestones": [20, 30]},
        "evaluation": {"name": "pgd", "steps": 20},
    }
    for group, settings in (config or {}).items():
        groups[group] = groups[group] | settings
    values = {"lambda": lambda_, "epsilon": epsilon, "seed": seed, "device": "cpu", "tracking": "offline"}
    run_id = hashlib.sha256(repr((groups, values)).encode()).hexdigest()[:12]
    readable = "".join(c if c.isalnum() else "_" for c in f"digits-mlp-{defense}-lambda{lambda_}")
    name = f"{readable}-s{seed}"
    directory = outputs / "runs" / f"{name}-{run_id}"
    directory.mkdir(parents=True)
    record = {"schema": 2, "run_id": run_id, "name": name, **groups, "measurement": {}, **values}
    (directory / "config.yaml").write_text(yaml.safe_dump(record, sort_keys=False, allow_unicode=True))
    state_record = {
        "schema": 2,
        "state": state,
        "reason": None,
        "command": f"python -m hypo.run defense={defense} lambda={lambda_} seed={seed}",
        "updated_at": "2026-11-21T06:30:00Z",
        "epoch": 3,
        "epochs": 40,
    }
    (directory / "status.json").write_text(json.dumps(state_record | (status or {})))
    if state == "done":
        measured = {metric: metrics.get(metric, 0.5) for metric in METRICS}
        intervals = {
            key: None if x is None else [max(x - 0.01, 0), min(x + 0.01, 1)] for key, x in measured.items()
        }
        result = {"schema": 2, "run_id": run_id, "n": 1197, **measured, "counts": {}, "intervals": intervals}
        result |= {"searches": {"attack": {"adv": 120, "hyp": 30, "sta": 4}}, "findings": {}}
        (directory / "result.json").write_text(json.dumps(result))
    return directory


def add_sweep(outputs: Path, sweep_id: str, runs: list[str]) -> Path:
    """Write outputs/sweeps/<sweep_id>/sweep.json naming `runs`."""
    folder = outputs / "sweeps" / sweep_id
    folder.mkdir(parents=True)
    record = {"schema": 2, "sweep_id": sweep_id, "command": "python -m hypo.run -m", "runs": runs}
    (folder / "sweep.json").write_text(json.dumps(record))
    return folder


def only(frame: pandas.DataFrame) -> pandas.Series:
    """The row of a table that has one."""
    assert len(frame) == 1
    return frame.iloc[0]
