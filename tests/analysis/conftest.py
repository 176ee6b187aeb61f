"""Where fake runs go, and what makes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fake_runs
import pytest
import tracked_runs
from wandb_server import WandbServer


@pytest.fixture
def make_run() -> fake_runs.MakeRun:
    return fake_runs.make_run


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture
def tracked(outputs: Path) -> Path:
    """The outputs folder with the runs of `tracked_runs.make_all`."""
    return tracked_runs.make_all(outputs)


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as started:
        yield started
