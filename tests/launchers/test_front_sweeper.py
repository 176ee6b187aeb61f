"""`hydra/sweeper=front` as it is typed: rounds, their reasons, what is left; stopped, repeated, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_slurm import FakeSlurm
from slurm_launch import Launch
from typed_command import Typed, typed

from analysis.reading.collect import collect
from hypo.jobs import attempt as attempts
from hypo.jobs.job import Job
from hypo.runs.outcome import Outcome
from hypo.settings.identity import SCHEMA
from launchers.planning.report import Report

REAL = ("recipe.epochs=3", "evaluation.test_limit=100", "tracking=disabled")
FRONT = ("hydra/sweeper=front", "lambda=0,100", "measurement=[]")

Run = Callable[..., Typed]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Types a front whose runs have made-up results, and are not set in tables and curves."""
    monkeypatch.chdir(tmp_path)
    begun(monkeypatch, lambda job: None)
    monkeypatch.setattr(Report, "end", lambda report: report.failed.update(missing(report)))
    return lambda *arguments: typed(monkeypatch, capsys, "-m", "tracking=disabled", *FRONT, *arguments)


def missing(report: Report) -> list[str]:
    return [job.run_id for job in report.sweep.jobs if job.directory.result() is None]


def begun(monkeypatch: pytest.MonkeyPatch, before: Callable[[Job], Outcome | None]) -> None:
    """Have each attempt at a run begin with `before`, and end there where that has an outcome."""

    def attempt(job: Job, *others: Any, **more: Any) -> Outcome:
        if outcome := before(job):
            return outcome
        job.create()
        lambda_ = job.config["lambda"] or 0
        steepness = 20 if job.config["defense"]["name"] == "thrm" else 30
        natural = 0.03 + 0.001 * job.config["seed"] + 0.02 * lambda_ / (lambda_ + 30)
        hypocritical = (92 - steepness * lambda_ / (lambda_ + 10)) / 100
        result = {
            **{"schema": SCHEMA, "run_id": job.run_id, "n": 1197, "D": 1 - natural, "counts": {}, "intervals": {}},
            **{"findings": {}, "R_nat": natural, "R_hyp_minus": hypocritical},
        }
        (job.directory.path / "result.json").write_text(json.dumps(result))
        return Outcome("done")

    monkeypatch.setattr(attempts, "attempt", attempt)


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


def test_rounds_until_the_budget_is_spent(run: Run, tmp_path: Path) -> None:
    ended = run("defense=thrm,trades", "hydra.sweeper.budget=9")
    assert ended.code == 0, ended.out + ended.err
    assert log(tmp_path / "outputs") == OF_NINE.splitlines()
    assert all(line in ended.out for line in OF_NINE.splitlines())
    assert len(collect(the_sweep(tmp_path / "outputs"))) == 9
    again = run("defense=thrm,trades", "hydra.sweeper.budget=9")
    assert again.code == 0
    assert "to run" not in again.out
    assert log(tmp_path / "outputs") == OF_NINE.splitlines()


def test_the_seeds_of_a_lambda_run_together(run: Run, tmp_path: Path) -> None:
    assert run("seed=0,1", "hydra.sweeper.budget=7").code == 0
    frame = collect(the_sweep(tmp_path / "outputs"))
    assert sorted(frame["lambda_value"]) == [0, 0, 10, 10, 100, 100]


def test_a_larger_budget_goes_on_in_the_same_folder(run: Run, tmp_path: Path) -> None:
    run("hydra.sweeper.budget=3")
    more = run("hydra.sweeper.budget=5")
    assert "4 jobs, 3 done, 1 to run" in more.out or "5 jobs, 3 done, 2 to run" in more.out
    assert len(collect(the_sweep(tmp_path / "outputs"))) == 5


def test_stopped_in_a_round_it_ends_as_if_it_had_not_been(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("hydra.sweeper.budget=6", "output_dir=undisturbed").code == 0
    tried = []

    def stopped(job: Job) -> None:
        tried.append(job.run_id)
        if len(tried) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        begun(patched, stopped)
        assert run("hydra.sweeper.budget=6").code == 130
    assert log(tmp_path / "outputs") == log(tmp_path / "undisturbed")[:5]
    begun(monkeypatch, lambda job: tried.append(job.run_id))
    assert run("hydra.sweeper.budget=6").code == 0
    assert len(tried) == 5 + 2, "what is done is not run again"
    assert log(tmp_path / "outputs") == log(tmp_path / "undisturbed")
    one, other = tmp_path / "outputs", tmp_path / "undisturbed"
    assert the_sweep(one).name == the_sweep(other).name
    assert sorted(path.name for path in (one / "runs").iterdir()) == sorted(
        path.name for path in (other / "runs").iterdir()
    )


def test_a_run_that_fails_is_left_out_and_not_tried_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        ended = run("lambda=0,5,100", "hydra.sweeper.budget=6")
    assert ended.code == 1
    assert tried == [0, 5, 100, 20, 0.5, 2]
    lines = log(tmp_path / "outputs")
    assert lines.count("λ = 20 is left out: the loss is nan") == 1
    assert lines[-1] == (
        "  5 λ, the largest gap: between 5 and 100 hypocritical risk falls 11.5 points; "
        "λ = 20 between them has no result"
    )
    # Typed again it is tried again.
    assert run("lambda=0,5,100", "hydra.sweeper.budget=6").code == 0
    assert not any("left out" in line for line in log(tmp_path / "outputs"))


def test_a_model_without_mistakes_has_no_hypocritical_risk(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    for path in (tmp_path / "outputs" / "runs").glob("*-lambda10-*/result.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "R_hyp_minus": None}))
    assert run().code == 0
    assert log(tmp_path / "outputs")[-1].endswith("λ = 10 between them has no result")
    assert any("hypocritical risk is undefined" in line for line in log(tmp_path / "outputs"))


def test_all_else_is_as_in_a_grid(run: Run, tmp_path: Path) -> None:
    """What has no λ runs once, and each combination of the rest has a front."""
    ended = run("defense=standard,trades", "threat_model=linf,l2", "hydra.sweeper.budget=8")
    assert ended.code == 0, ended.err
    assert [line.partition(":")[0].strip() for line in log(tmp_path / "outputs")[1:3]] == [
        "threat_model=linf λ = 10",
        "threat_model=l2 λ = 10",
    ]
    frame = collect(the_sweep(tmp_path / "outputs"))
    assert list(frame["defense"]).count("standard") == 2
    assert len(frame) == 8


def test_a_named_sweep_gives_the_lambdas_to_begin_with(run: Run, tmp_path: Path) -> None:
    assert run("+sweeps=digits", "seed=0", "hydra.sweeper.budget=5").code == 0
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


def test_slurm_is_left_until_the_runs_have_results(launch: Launch, slurm: FakeSlurm) -> None:
    front = (*FRONT, "defense=thrm,trades", "seed=0,1")
    shown = launch(*front, "hydra.launcher.dry_run=true")
    assert (shown.code, launch.files) == (0, [])
    line = "Front: 8 runs have no result yet; the same command chooses on when they have"
    assert line in shown.out
    submitted = launch(*front)
    assert submitted.code == 0, submitted.err
    assert line in submitted.out
    assert "8 to run\n" in submitted.out
    assert len(launch.names) == 8


def test_one_run_that_slurm_has_left_is_no_plural(run: Run, launch: Launch, slurm: FakeSlurm) -> None:
    assert run("hydra.sweeper.budget=2").code == 0
    left = launch("tracking=disabled", *FRONT, "hydra.sweeper.budget=3")
    assert "Front: 1 run has no result yet; the same command chooses on when it has, and with" in left.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("hydra.sweeper.gap=0", 'hydra.sweeper.gap: takes a number > 0 (or a fraction such as "8/255"), got 0'),
        ("hydra.sweeper.gap=-1", 'hydra.sweeper.gap: takes a number > 0 (or a fraction such as "8/255"), got -1'),
        (
            "hydra.sweeper.gap=null",
            'hydra.sweeper.gap: takes a number > 0 (or a fraction such as "8/255"), got None',
        ),
        ("hydra.sweeper.budget=1.5", "hydra.sweeper.budget: takes a whole number >= 1, got 1.5"),
        ("hydra.sweeper.budget=1", "hydra.sweeper.budget: takes at least the 2 runs to begin with, got 1"),
        (
            "lambda=5",
            "lambda: hydra/sweeper=front begins between two values or more of a defense that has λ, "
            "such as defense=thrm lambda=0,100; got λ = 5",
        ),
        ("lambda=5,5.0", "got λ = 5"),
        ("defense=standard", "such as defense=thrm lambda=0,100; got no λ"),
        ("lambda=0,nope", "lambda: takes a number"),
        (
            "hydra/launcher=basic",
            "hydra/launcher: takes one of sequential, local, slurm with a front, got BasicLauncher",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(run: Run, tmp_path: Path, arguments: str, line: str) -> None:
    refused = run(*arguments.split())
    assert refused.code == 2
    assert line in refused.err
    assert refused.err.count("\n") == 1
    assert not (tmp_path / "outputs").exists()
