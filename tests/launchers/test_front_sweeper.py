"""`hydra/sweeper=front` as it is typed: rounds, their reasons, what is left; stopped, repeated, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from front_runs import FRONT, Front, begun
from typed_command import typed

from analysis.reading.collect import collect
from hypo.jobs.job import Job
from hypo.runs.outcome import Outcome

REAL = ("recipe.epochs=3", "evaluation.test_limit=100", "tracking=disabled")


def the_sweep(folder: Path) -> Path:
    (sweep,) = (folder / "sweeps").iterdir()
    return sweep


def log(outputs: Path) -> list[str]:
    return (the_sweep(outputs) / "front.log").read_text().splitlines()


OF_NINE = """\
Front: 4 runs of at most 9 so far, next
  trades λ = 10: between 0 and 100 hypocritical risk falls 27.3 points
  thrm λ = 10: between 0 and 100 hypocritical risk falls 18.2 points
Front: 6 runs of at most 9 so far, next
  trades λ = 1: between 0 and 10 hypocritical risk falls 15 points
  trades λ = 30: between 10 and 100 hypocritical risk falls 12.3 points
  thrm λ = 1: between 0 and 10 hypocritical risk falls 10 points
Front: 9 runs of at most 9, nothing more to choose
  thrm 4 λ, the largest gap: between 1 and 10 hypocritical risk falls 8.18 points; the budget is spent
  trades 5 λ, the largest gap: between 1 and 10 hypocritical risk falls 12.3 points; the budget is spent
"""


def test_rounds_until_the_budget_is_spent(front: Front, tmp_path: Path) -> None:
    ended = front("defense=thrm,trades", "hydra.sweeper.budget=9")
    assert ended.code == 0, ended.out + ended.err
    assert log(tmp_path / "outputs") == OF_NINE.splitlines()
    assert all(line in ended.out for line in OF_NINE.splitlines())
    assert len(collect(the_sweep(tmp_path / "outputs"))) == 9
    again = front("defense=thrm,trades", "hydra.sweeper.budget=9")
    assert again.code == 0
    assert "to run" not in again.out
    assert log(tmp_path / "outputs") == OF_NINE.splitlines()


def test_the_seeds_of_a_lambda_run_together(front: Front, tmp_path: Path) -> None:
    assert front("seed=0,1", "hydra.sweeper.budget=7").code == 0
    frame = collect(the_sweep(tmp_path / "outputs"))
    assert sorted(frame["lambda_value"]) == [0, 0, 10, 10, 100, 100]


def test_a_larger_budget_goes_on_in_the_same_folder(front: Front, tmp_path: Path) -> None:
    front("hydra.sweeper.budget=3")
    more = front("hydra.sweeper.budget=5")
    assert "4 jobs, 3 done, 1 to run" in more.out or "5 jobs, 3 done, 2 to run" in more.out
    assert len(collect(the_sweep(tmp_path / "outputs"))) == 5


def test_stopped_in_a_round_it_ends_as_if_it_had_not_been(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert front("hydra.sweeper.budget=6", "output_dir=undisturbed").code == 0
    tried = []

    def stopped(job: Job) -> None:
        tried.append(job.run_id)
        if len(tried) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        begun(patched, stopped)
        assert front("hydra.sweeper.budget=6").code == 130
    assert log(tmp_path / "outputs") == log(tmp_path / "undisturbed")[:5]
    begun(monkeypatch, lambda job: tried.append(job.run_id))
    assert front("hydra.sweeper.budget=6").code == 0
    assert len(tried) == 5 + 2, "what is done is not run again"
    assert log(tmp_path / "outputs") == log(tmp_path / "undisturbed")
    one, other = tmp_path / "outputs", tmp_path / "undisturbed"
    assert the_sweep(one).name == the_sweep(other).name
    assert sorted(path.name for path in (one / "runs").iterdir()) == sorted(
        path.name for path in (other / "runs").iterdir()
    )


def test_a_run_that_fails_is_left_out_and_not_tried_again(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def failing(job: Job) -> Outcome | None:
        tried.append(job.config["lambda"])
        if job.config["lambda"] != 20:
            return None
        job.create()
        job.directory.update_status(state="failed", reason="the loss is nan")
        return Outcome("failed", "the loss is nan", "diverged")

    with monkeypatch.context() as patched:
        begun(patched, failing)
        ended = front("lambda=0,5,100", "hydra.sweeper.budget=6")
    assert ended.code == 1
    assert tried == [0, 5, 100, 20, 0.5, 2]
    lines = log(tmp_path / "outputs")
    assert lines.count("λ = 20 is left out: the loss is nan") == 1
    assert lines[-1] == (
        "  5 λ, the largest gap: between 5 and 100 hypocritical risk falls 11.5 points; "
        "λ = 20 between them has no result"
    )
    # Typed again it is tried again.
    assert front("lambda=0,5,100", "hydra.sweeper.budget=6").code == 0
    assert not any("left out" in line for line in log(tmp_path / "outputs"))


def test_a_model_without_mistakes_has_no_hypocritical_risk(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front()
    for path in (tmp_path / "outputs" / "runs").glob("*-lambda10-*/result.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "R_hyp_minus": None}))
    assert front().code == 0
    assert log(tmp_path / "outputs")[-1].endswith("λ = 10 between them has no result")
    assert any("hypocritical risk is undefined" in line for line in log(tmp_path / "outputs"))


def test_all_else_is_as_in_a_grid(front: Front, tmp_path: Path) -> None:
    """What has no λ runs once, and each combination of the rest has a front."""
    ended = front("defense=standard,trades", "threat_model=linf,l2", "hydra.sweeper.budget=8")
    assert ended.code == 0, ended.err
    assert [line.partition(":")[0].strip() for line in log(tmp_path / "outputs")[1:3]] == [
        "threat_model=linf λ = 10",
        "threat_model=l2 λ = 10",
    ]
    frame = collect(the_sweep(tmp_path / "outputs"))
    assert list(frame["defense"]).count("standard") == 2
    assert len(frame) == 8


def test_a_named_sweep_gives_the_lambdas_to_begin_with(front: Front, tmp_path: Path) -> None:
    assert front("+sweeps=digits", "seed=0", "hydra.sweeper.budget=5").code == 0
    assert sorted(collect(the_sweep(tmp_path / "outputs"))["defense"]) == ["thrm"] * 2 + ["trades"] * 3


def test_for_real_on_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Folder, table and curve are of all rounds."""
    monkeypatch.chdir(tmp_path)
    front = ("defense=trades", "hydra.sweeper.budget=3", "hydra.sweeper.gap=0.1", *FRONT, *REAL)
    ended = typed(monkeypatch, capsys, "-m", "hydra/launcher=local", *front)
    assert ended.code == 0, ended.err
    frame = collect(the_sweep(tmp_path / "outputs"))
    assert list(frame["state"]) == ["done"] * 3
    assert sorted(frame["lambda_value"]) == [0, 10, 100]
    assert (the_sweep(tmp_path / "outputs") / "tradeoff.png").stat().st_size > 1000
    assert ended.out.count("Percent; mean ± std") == 1
