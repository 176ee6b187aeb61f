"""A migration that is killed, and typed again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from compared_outputs import contents

from hypo.migrate import disk
from hypo.migrate.__main__ import main


@pytest.fixture
def whole(old: Path, tmp_path: Path) -> Path:
    """What a migration makes that is not interrupted; `old` stays as it was."""
    migrated = tmp_path / "whole" / "outputs"
    shutil.copytree(old, migrated)
    for path in migrated.rglob("*.json*"):
        path.write_text(path.read_text().replace(str(old), str(migrated)))
    assert main([str(migrated)]) == 0
    return migrated


def stopping(monkeypatch: pytest.MonkeyPatch, when: Callable[[], bool]) -> None:
    """Let everything that changes the disk be stopped before it does, where `when` says so."""

    def checked(original: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **named: Any) -> Any:
            if when():
                raise KeyboardInterrupt
            return original(*arguments, **named)

        return change

    monkeypatch.setattr(disk, "write_atomically", checked(disk.write_atomically))
    for name in ("rename", "unlink"):
        monkeypatch.setattr(Path, name, checked(getattr(Path, name)))


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_killed_again_and_again_it_comes_to_the_same(
    old: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], steps: int
) -> None:
    """Each time it gets a few steps further."""
    left = steps
    attempts = 0

    def when() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    with monkeypatch.context() as patched:
        stopping(patched, when)
        while main([str(old)]) == 130:
            assert "the same command goes on from here" in capsys.readouterr().err
            left, attempts = steps, attempts + 1
            assert attempts < 100, "it gets nowhere"
    assert attempts > 40 // steps
    assert contents(old) == contents(whole)
    assert main([str(old)]) == 0
    assert "there is nothing to do" in capsys.readouterr().out


@pytest.fixture(params=[3, 11, 19])
def half(request: pytest.FixtureRequest, old: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Outputs whose migration was killed after some steps."""
    steps = iter(range(request.param))
    with monkeypatch.context() as patched:
        stopping(patched, lambda: next(steps, None) is None)
        assert main([str(old)]) == 130
    return old


def test_half_migrated_no_run_is_lost(half: Path) -> None:
    """Each has its model, its history and its result, in a directory that one of the versions can read."""
    runs = list((half / "runs").iterdir())
    assert len(runs) == 6
    for run in runs:
        names = {path.name for path in run.iterdir()}
        assert names >= {"config.yaml", "status.json", "result.json", "examples.parquet", "model.safetensors"}
