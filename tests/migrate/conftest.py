"""Outputs of this version, and the same as schema 1 left them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from aged_outputs import aged
from small_outputs import RUNS, finished, record_sweep

from hypo.runs.status import to_json


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outputs folder of this version, but for the passes, which no migration knows; no test may change it."""
    outputs = tmp_path_factory.mktemp("made") / "outputs"
    jobs = [finished(outputs, *typed) for typed in RUNS]
    for path in outputs.glob("runs/*/result.json"):
        result = json.loads(path.read_text())
        for decided in result["searches"].values():
            assert decided.pop("passes") > 0
        path.write_bytes(to_json(result))
    record_sweep(outputs, jobs[:3])
    return outputs


@pytest.fixture
def old(made: Path, tmp_path: Path) -> Path:
    """The same as schema 1 left it."""
    outputs = tmp_path / "outputs"
    shutil.copytree(made, outputs)
    for path in outputs.rglob("*.json*"):
        path.write_text(path.read_text().replace(str(made), str(outputs)))
    aged(outputs)
    return outputs
