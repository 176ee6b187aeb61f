"""What environment.json says about the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import hypo
from hypo.jobs import environment


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which hypo seems to be imported."""
    monkeypatch.setattr(hypo, "__file__", str(tmp_path / "hypo/__init__.py"))
    environment._code.cache_clear()
    yield tmp_path
    environment._code.cache_clear()


def test_code_without_git_has_no_commit(root: Path) -> None:
    found = environment.environment(torch.device("cpu"))
    assert (found["commit"], found["dirty"]) == (None, None)
    assert "snapshot" not in found


@pytest.mark.parametrize(
    "origin",
    [
        {"commit": "0ff1ce", "dirty": True, "diff": "--- a/mine.py\n", "untracked": ["new.py"]},
        {"commit": None, "dirty": None, "diff": None, "untracked": None},
    ],
)
def test_a_snapshot_says_what_it_was_taken_from(root: Path, origin: dict) -> None:
    (root / ".snapshot.json").write_text(json.dumps(origin))
    found = environment.environment(torch.device("cpu"))
    assert {key: found[key] for key in origin} == origin
    assert found["snapshot"] is True
