"""Tracking for tests of its faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tracked_processes import KEY

from hypo.runs import tracking


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Tracking in this process, with a child of its own."""
    tracking.close()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    yield monkeypatch
    tracking.close()
