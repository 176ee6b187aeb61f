"""The front beside the published grid: how wide gaps are, and that both are said and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.reading.collect import collect
from benchmarks import front, table


def runs(folder: Path, count: int) -> Any:
    """Runs of THRM at ten λ a seed, whose hypocritical risk falls a tenth of a point with each λ and seed."""
    for number in range(count):
        table._make(folder / "runs", number)
    for path in folder.glob("runs/*/result.json"):
        config = path.with_name("config.yaml").read_text()
        lambda_ = int(config.partition("\nlambda: ")[2].partition("\n")[0])
        result = {**json.loads(path.read_text()), "R_nat": 0.05, "R_hyp_minus": 0.9 - lambda_ / 1000}
        path.write_text(json.dumps(result))
    return collect(folder)


def test_gaps_are_those_between_means(tmp_path: Path) -> None:
    assert front.gaps(runs(tmp_path, 20)) == {"thrm": pytest.approx(10)}  # from λ = 100 to 200
    assert front.gaps(runs(tmp_path / "other", 9)) == {"thrm": pytest.approx(2)}


def test_both_are_said_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed: list[tuple[str, ...]] = []

    def swept(*words: str) -> Any:
        typed.append(words)
        return runs(tmp_path / str(len(typed)), 18 if len(typed) == 1 else 20)

    monkeypatch.setattr(front, "_swept", swept)
    assert front.main(["--seeds", "2", "--picture", str(tmp_path / "front.png"), "hydra/launcher=local"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "lambda=0,1,5,...,100: 18 runs; widest gap: thrm 10.0 points at 10 λ"
    assert printed[2] == "front, 2 points, at most as many runs: 20 runs; widest gap: thrm 10.0 points at 10 λ"
    assert all({"seed=0,1", "hydra/launcher=local"} <= set(words) for words in typed)
    assert "hydra.sweeper.budget=18" in typed[1]
    assert float(typed[1][-1].removeprefix("hydra.sweeper.gap=")) == pytest.approx(10)
    assert (tmp_path / "front.png").stat().st_size > 1000
    assert front.main(["--seeds", "none"]) == 2
