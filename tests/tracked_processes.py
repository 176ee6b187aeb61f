"""Processes that mirror runs to W&B, and what they leave in its files."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hypo.runs import tracking
from hypo.runs.tracking import Mirror, Tracking

KEY = "5ec2e7" * 6 + "5ec2"
WANDB_CORE = str(Path(str(find_spec("wandb").origin)).parent / "bin" / "wandb-core")
SUMMARY = {"R_nat": 0.25, "intervals": {"R_nat": [0.2, 0.3]}}

TRAIN = """
import logging, os, pathlib, sys
logging.basicConfig(format="%(levelname)s %(message)s")
from hypo.runs.tracking import Tracking

def train(directory, run_id, epochs=3):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    mirror = Tracking(sys.argv[1]).start(
        directory, run_id=run_id, name="thrm-lambda5-s0", group="a-sweep", tags=["thrm", "digits"],
        config={"dataset": {"name": "digits"}, "lambda": 5, "epsilon": "8/255"},
    )
    for epoch in range(1, epochs + 1):
        mirror.log({"epoch": epoch, "loss": 1 / epoch})
    return mirror
"""


def begin_script(script: str, mode: str, directory: Path, **environment: str) -> subprocess.Popen[str]:
    """A process of its own that runs `script` after TRAIN in `directory`."""
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN + script, mode],
        cwd=directory,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("WANDB_")},
            "PYTHONPATH": str(Path(tracking.__file__).parents[1]),
            "WANDB_API_KEY": KEY,
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_script(script: str, mode: str, directory: Path, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `begin_script`."""
    with begin_script(script, mode, directory, **environment) as process:
        output, errors = process.communicate(timeout=100)
    return process.returncode, output, errors


def recorded(directory: Path) -> dict[str, Any]:
    """What the last of W&B's files below a run directory says, in our words."""
    path = max(directory.glob("wandb/*run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    command = [WANDB_CORE, "leet", "inspect", "--json", "--no-observability", "--run-file", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    records = [json.loads(line) for line in lines]

    def last(kind: str) -> dict[str, Any]:
        return next((record[kind] for record in reversed(records) if record["type"] == kind), {})

    summary: dict[str, Any] = {}
    for record in records:
        if record["type"] == "summary":
            summary |= record["summary"].get("update", {})
    return {
        "run": last("run"),
        "history": [record["history"]["item"] for record in records if record["type"] == "history"],
        "summary": summary,
        "exit": last("exit"),
    }


def start(directory: Path, mode: str) -> Mirror:
    directory.mkdir(exist_ok=True)
    return Tracking(mode).start(directory, run_id="abc", name="a", group=None, tags=[], config={})


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
