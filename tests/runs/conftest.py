"""Tracking for tests of its faults."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lock_holders import HOLD, Hold
from small_jobs import job
from tracked_processes import KEY

from hypo.runs import tracking
from hypo.runs.directory import RunDirectory


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Tracking in this process, with a child of its own."""
    tracking.close()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    yield monkeypatch
    tracking.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".lock"


@pytest.fixture
def hold(path: Path) -> Iterator[Hold]:
    """Starts another process that takes the lock and has it until its input ends."""
    started: list[subprocess.Popen[str]] = []

    def start(**claim: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), json.dumps(claim)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    """A run that has been created and no more."""
    return job(tmp_path).directory
