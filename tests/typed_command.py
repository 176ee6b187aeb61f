"""Type a command in this process: `python -m hypo.run` without the seconds that a new process costs."""

from __future__ import annotations

from typing import NamedTuple

import pytest

import hypo.run


class Typed(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> Typed:
    """Run `python -m hypo.run` with `arguments`; the output is as wide as a page."""
    monkeypatch.setattr("sys.argv", ["hypo.run", *arguments])
    monkeypatch.setenv("COLUMNS", "120")
    capsys.readouterr()
    try:
        hypo.run.main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return Typed(code, out, err)
