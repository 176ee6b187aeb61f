"""The run whose model poisons are crafted with: trained once, first, and waited for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from small_jobs import THRM, Silent, job
from small_models import Stripes, small_experiment, small_poisoning
from typed_command import Typed, typed

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.command_line.console import Lines
from hypo.defenses.standard import Standard
from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
from hypo.runs.outcome import Outcome
from hypo.training_data.quality import Quality


def test_the_one_prerequisite_differs_in_training_data_defense_and_seed_alone() -> None:
    for seed in (0, 3):
        experiment = small_experiment(THRM, dataset=Stripes(), training_data=small_poisoning(seed=seed), seed=5)
        (needed,) = experiment.prerequisites
        assert (needed.training_data, needed.defense, needed.seed) == (Quality(), Standard(), seed)
        names = {field.name for field in fields(Experiment)}
        differing = {name for name in names if getattr(needed, name) != getattr(experiment, name)}
        assert differing == {"training_data", "defense", "seed"}
        assert needed.prerequisites == ()
        assert replace(experiment, seed=6).prerequisites == (needed,)


def test_a_crafting_run_that_somebody_else_has_is_waited_for(tmp_path: Path) -> None:
    made_by = small_poisoning(attack=ProjectedGradient(steps=2, relative_step=0.5, start="clean"))
    dependent = job(tmp_path, small_experiment(THRM, training_data=made_by))
    (needed,) = dependent.prerequisites
    begun = threading.Event()

    class Unhurried(Silent):
        """Somebody else, who goes on when the one that needs the model is waiting for it."""

        def epoch(self, row: dict[str, float], epochs: int) -> None:
            begun.set()
            while dependent.directory.status().get("state") != "running":
                time.sleep(0.01)

    elsewhere = threading.Thread(target=attempt, args=(needed, Unhurried()))
    elsewhere.start()
    assert begun.wait(60)
    assert attempt(dependent, Silent()) == Outcome("done")
    elsewhere.join()
    assert len(needed.directory.status()["attempts"]) == 1
    assert dependent.directory.config()["training_data"]["attack"]["steps"] == 2


def test_a_run_whose_crafting_run_nobody_has_begun_says_so(tmp_path: Path) -> None:
    dependent = job(tmp_path, small_experiment(THRM, training_data=small_poisoning()))
    (needed,) = dependent.prerequisites
    reason = f"needs the model of {needed.directory_name}, which is not started: it has no result yet"
    assert attempt(dependent, Silent()) == Outcome("failed", reason, "prerequisite failed")
    assert dependent.directory.status()["cause"] == "prerequisite failed"


SHORT = ("recipe.epochs=1", "recipe.train_limit=60", "evaluation.test_limit=50", "tracking=disabled")

DIVERGING = ("recipe.learning_rate=1e30", "crafter.learning_rate=1e30", "recipe.epochs=2")

CRAFTING = "digits-mlp-standard-linf0.1-s0"

Run = Callable[..., Typed]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: typed(monkeypatch, capsys, *SHORT, "training_data=poisoning", *arguments)


def run_names(folder: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[0] for path in (folder / "outputs" / "runs").iterdir())


def status(folder: Path, name: str) -> dict:
    (path,) = (folder / "outputs" / "runs").glob(f"{name}-????????????/status.json")
    return json.loads(path.read_text())


DEPENDENTS = [
    f"digits-poisoning-mlp-thrm-lambda{lambda_}-linf0.1-s{seed}" for lambda_ in (1, 5) for seed in (0, 1)
]


@pytest.mark.parametrize("launcher", ["sequential", "local"])
def test_a_sweep_trains_the_crafting_run_once_and_first(run: Run, tmp_path: Path, launcher: str) -> None:
    sweep = ("-m", "lambda=1,5", "seed=0,1", f"hydra/launcher={launcher}")
    first = run(*sweep)
    assert first.code == 0
    assert "5 jobs (1 needed by others first), 0 done, 5 to run" in first.out
    assert first.out.splitlines()[1].startswith(f"  1 of 5  {CRAFTING}  R_nat ")
    assert run_names(tmp_path) == sorted([CRAFTING, *DEPENDENTS])
    crafted = status(tmp_path, CRAFTING)
    assert (crafted["state"], len(crafted["attempts"])) == ("done", 1)
    for name in DEPENDENTS:
        made = status(tmp_path, name)
        assert made["state"] == "done"
        assert made["started_at"] >= crafted["finished_at"]
    table = first.out[first.out.index("poisoning training data") :]
    assert "standard" not in table
    again = run(*sweep)
    assert again.code == 0
    assert "5 jobs (1 needed by others first), 5 done, 0 to run" in again.out
    assert len(status(tmp_path, CRAFTING)["attempts"]) == 1


@pytest.mark.parametrize("launcher", ["sequential", "local"])
def test_when_the_crafting_run_fails_all_that_need_it_say_so(run: Run, tmp_path: Path, launcher: str) -> None:
    failed = run("-m", "lambda=1,5", "seed=0,1", *DIVERGING, f"hydra/launcher={launcher}")
    assert failed.code == 1
    crafting = status(tmp_path, CRAFTING)
    assert (crafting["state"], crafting["cause"]) == ("failed", "diverged")
    (directory,) = (tmp_path / "outputs" / "runs").glob(f"{CRAFTING}-*")
    reason = f"needs the model of {directory.name}, which is failed: {crafting['reason']}"
    for name in DEPENDENTS:
        dependent = status(tmp_path, name)
        assert (dependent["state"], dependent["cause"]) == ("failed", "prerequisite failed")
        assert dependent["reason"] == reason
        assert dependent["traceback"] is None
    assert failed.out.count(f"failed: {reason}") >= 4


def test_a_single_run_trains_the_missing_crafting_run_first(run: Run, tmp_path: Path) -> None:
    first = run("seed=3")
    assert first.code == 0
    name = "digits-poisoning-mlp-thrm-lambda5-linf0.1-s3"
    assert run_names(tmp_path) == sorted([CRAFTING, name])
    lines = first.out.splitlines()
    assert lines[0].startswith(f"First the run whose model is needed: {CRAFTING}  ")
    (own,) = [line for line in lines if line.startswith(f"{name}  ")]
    assert lines.index(own) > 0
    assert status(tmp_path, name)["started_at"] >= status(tmp_path, CRAFTING)["finished_at"]
    assert run("seed=3").code == 0
    assert len(status(tmp_path, CRAFTING)["attempts"]) == 1
    crafted = status(tmp_path, CRAFTING)["command"]
    assert crafted == f"python -m hypo.run {' '.join(SHORT)} training_data=quality defense=standard seed=0"


def test_a_single_run_whose_crafting_run_fails_says_so(run: Run, tmp_path: Path) -> None:
    failed = run("seed=3", *DIVERGING)
    assert failed.code == 1
    own, other = sorted(failed.err.splitlines(), key=lambda line: "needs" not in line)
    assert other.startswith("failed: diverged: the loss of epoch ")
    assert own.startswith(f"failed: needs the model of {CRAFTING}-")
    assert own.endswith(f", which is failed: {other.removeprefix('failed: ')}")


def test_a_run_on_poisons_resumes_as_if_nothing_had_happened(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: Lines, row: dict[str, float], epochs: int) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    longer = ("recipe.epochs=4",)
    assert run(*longer, "output_dir=whole").code == 0
    assert run(*longer, "defense=standard", "training_data=quality").code == 0
    with monkeypatch.context() as patched:
        patched.setattr(Lines, "epoch", stopped)
        assert run(*longer).code == 130
    assert run(*longer).code == 0
    (path,) = (tmp_path / "outputs" / "runs").glob("digits-poisoning-*")
    (whole,) = (tmp_path / "whole" / "runs").glob("digits-poisoning-*")
    for name in ("result.json", "model.safetensors"):
        assert (path / name).read_bytes() == (whole / name).read_bytes()
