"""Runs that are stopped while they are attacked: they go on there, and take nothing from any other run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from compared import assert_same_results
from small_jobs import THRM, Silent, job
from small_models import Stripes, small_experiment

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.threat_models.linf import Linf
from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
from hypo.measurements import chunks
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Finding
from hypo.measurements.measurement import Subject
from hypo.runs.directory import RunDirectory

ATTACK = ProjectedGradient(steps=4)
EVALUATION = Evaluation(ATTACK, then={"random": RandomPoints(5), "again": ATTACK}, batch=7)
SEARCHES = 3 * 3
"""Of the evaluation, on three chunks."""


@dataclass
class Watching(Silent):
    """Counts the epochs and the searches that are over, and presses Ctrl-C after so many of these."""

    stop_after: int = -1
    epochs: int = 0
    searches: int = 0

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        self.epochs += 1

    def decided(self, examples: int, total: int) -> None:
        self.searches += 1

    def evaluating(self, done: int, total: int) -> None:
        if self.searches == self.stop_after:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def three_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 21 * 64)


def experiment(**changes: Any) -> Experiment:
    return small_experiment(THRM, **{"evaluation": EVALUATION, "dataset": Stripes(test=60), **changes})


def stopped(outputs: Path, after: int, **changes: Any) -> RunDirectory:
    begun = job(outputs, experiment(**changes))
    with pytest.raises(KeyboardInterrupt):
        attempt(begun, Watching(stop_after=after))
    assert begun.directory.status()["state"] == "interrupted"
    assert begun.directory.result() is None
    return begun.directory


def finished(outputs: Path, **changes: Any) -> tuple[RunDirectory, Watching]:
    watching = Watching()
    done = job(outputs, experiment(**changes))
    assert attempt(done, watching).state == "done"
    return done.directory, watching


@pytest.mark.parametrize("after", [1, 5, 8])
def test_an_interrupted_evaluation_goes_on_and_leaves_what_an_uninterrupted_one_does(
    tmp_path: Path, after: int
) -> None:
    expected, whole = finished(tmp_path / "whole")
    assert (whole.epochs, whole.searches) == (3, SEARCHES)
    directory = stopped(tmp_path / "stopped", after)
    assert any(directory.path.glob("kept/evaluation/*.npz"))
    directory, rest = finished(tmp_path / "stopped")
    # What an earlier attempt decided is told at once, and then as every search is over.
    assert (rest.epochs, rest.searches) == (0, 1 + SEARCHES - after)
    assert_same_results(directory, expected)
    assert not (directory.path / "kept").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"threat_model": Linf(0.04)},
        {"evaluation": replace(EVALUATION, attack=ProjectedGradient(steps=5))},
        {"evaluation": replace(EVALUATION, then={"random": RandomPoints(6), "again": ATTACK})},
        {"evaluation": replace(EVALUATION, then={"again": ATTACK, "random": RandomPoints(5)})},
        {"dataset": Stripes(test=60, noise=121)},
    ],
    ids=["seed", "threat_model", "attack", "then", "order", "data"],
)
def test_nothing_is_taken_from_a_run_of_other_settings(tmp_path: Path, changes: dict[str, Any]) -> None:
    expected, _ = finished(tmp_path / "whole", **changes)
    other = stopped(tmp_path / "other", 8)
    directory = stopped(tmp_path / "mine", 0, **changes)
    shutil.rmtree(directory.path / "kept")
    shutil.copytree(other.path / "kept", directory.path / "kept")
    directory, again = finished(tmp_path / "mine", **changes)
    assert again.searches == SEARCHES
    assert_same_results(directory, expected)


def test_nothing_is_taken_that_was_found_out_about_another_model(tmp_path: Path) -> None:
    other = stopped(tmp_path / "other", 8, seed=1)
    directory = stopped(tmp_path / "mine", 8)
    shutil.copy(other.path / "model.safetensors", directory.path / "model.safetensors")
    assert any(directory.path.glob("kept/evaluation/*.npz"))
    directory, again = finished(tmp_path / "mine")
    assert again.searches == SEARCHES


@dataclass(frozen=True)
class Counting:
    """A measurement that is stopped when it has put its first part there."""

    settings: int = 0

    def measure(self, subject: Subject) -> Finding:
        if subject.kept.get("part-2") is None:
            subject.kept.put("part-2", {"flags": subject.flags.adv})
            raise KeyboardInterrupt
        return Finding("Counting")


def test_a_measurement_finds_what_it_has_put_there(tmp_path: Path) -> None:
    measured = job(tmp_path, experiment(measurements={"counting": Counting()}))
    with pytest.raises(KeyboardInterrupt):
        attempt(measured, Silent())
    other = job(tmp_path, experiment(measurements={"counting": Counting(settings=1)}))
    assert other.directory.path == measured.directory.path
    with pytest.raises(KeyboardInterrupt):  # what is there is of other settings
        attempt(other, Silent())
    assert attempt(other, Silent()).state == "done"
    assert not (measured.directory.path / "kept").exists()
