"""Where fake runs go, and what makes them."""

from __future__ import annotations

from pathlib import Path

import fake_runs
import pytest


@pytest.fixture
def make_run() -> fake_runs.MakeRun:
    return fake_runs.make_run


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"
