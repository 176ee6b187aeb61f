"""Runs that differ in their evaluation alone share one training, and their results are as if they did not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from small_jobs import THRM, Silent, job
from small_models import Stripes, small_experiment, small_poisoning, small_recipe

from hypo.architectures.mlp import Mlp
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.defenses.none import NoDefense
from hypo.defenses.standard import Standard
from hypo.jobs import training as training_module
from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
from hypo.measurements.evaluation import Evaluation
from hypo.runs.outcome import Outcome
from hypo.runs.tracking import Mirror, Tracking
from hypo.settings.errors import InputError
from hypo.settings.identity import run_id, training_id
from hypo.training_data.naive import Naive
from hypo.training_data.quality import Quality

STRONGER = Evaluation(ProjectedGradient(steps=9))


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each training."""
    calls: list[int] = []
    original = training_module.train

    def counted(*arguments: object, **named: object) -> object:
        calls.append(1)
        return original(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(training_module, "train", counted)
    return calls


def done(outputs: Path, experiment: Experiment) -> dict[str, bytes]:
    """Run it; the files that say what came out."""
    ran = job(outputs, experiment)
    assert attempt(ran, Silent()) == Outcome("done")
    names = ("model.safetensors", "examples.parquet", "result.json")
    return {name: (ran.directory.path / name).read_bytes() for name in names}


def test_another_evaluation_takes_the_model_and_gives_the_same_bytes(tmp_path: Path, trainings: list[int]) -> None:
    first, second = small_experiment(THRM), small_experiment(THRM, evaluation=STRONGER)
    done(tmp_path / "shared", first)
    shared = done(tmp_path / "shared", second)
    assert len(trainings) == 1
    assert shared == done(tmp_path / "alone", second)
    assert len(trainings) == 2
    directory = job(tmp_path / "shared", second).directory
    assert directory.status()["trained_in"] == job(tmp_path / "shared", first).directory.path.name
    assert (directory.path / "history.csv").exists()


def test_the_mirror_hears_of_epochs_that_another_run_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[dict[str, float]] = []

    class Heard(Mirror):
        def log(self, row: Mapping[str, float]) -> None:
            heard.append(dict(row))

    monkeypatch.setattr(Tracking, "start", lambda *_, **__: Heard())
    done(tmp_path, small_experiment(THRM))
    trained, heard[:] = list(heard), []
    done(tmp_path, small_experiment(THRM, evaluation=STRONGER))
    assert heard == trained
    assert [row["epoch"] for row in heard] == list(range(1, len(heard) + 1))
    assert all(row["images_per_second"] > 0 for row in heard)


@pytest.mark.parametrize("lost", ["run", "model", "pointer"])
def test_a_model_that_is_gone_is_trained_again(tmp_path: Path, trainings: list[int], lost: str) -> None:
    first = job(tmp_path, small_experiment(THRM))
    done(tmp_path, first.experiment)
    if lost == "run":
        shutil.rmtree(first.directory.path)
    elif lost == "model":
        (first.directory.path / "model.safetensors").unlink()
    else:
        (tmp_path / "trained" / f"{training_id(first.experiment)}.json").write_text("[]")
    done(tmp_path, small_experiment(THRM, evaluation=STRONGER))
    assert len(trainings) == 2


def test_a_broken_model_of_another_run_is_named(tmp_path: Path) -> None:
    first = job(tmp_path, small_experiment(THRM))
    done(tmp_path, first.experiment)
    (first.directory.path / "model.safetensors").write_bytes(b"no weights")
    outcome = attempt(job(tmp_path, small_experiment(THRM, evaluation=STRONGER)), Silent())
    assert (outcome.state, outcome.cause) == ("failed", "bad data")
    assert "model.safetensors: cannot be read" in (outcome.reason or "")


CHANGES = {
    "evaluation": {"evaluation": STRONGER},
    "device": {"device": "auto"},
    "seed": {"seed": 1},
    "recipe": {"recipe": small_recipe(epochs=4)},
    "threat model": {"threat_model": L2(0.5)},
    "arch": {"arch": Mlp()},
    "dataset": {"dataset": Stripes(noise=100)},
    "training data": {"training_data": small_poisoning()},
}


@pytest.mark.parametrize("changed", CHANGES)
def test_the_training_id_is_that_of_all_that_training_looks_at(changed: str) -> None:
    experiment = small_experiment(THRM)
    other = replace(experiment, **CHANGES[changed])
    assert (training_id(other) == training_id(experiment)) == (changed in ("evaluation", "device"))
    assert (run_id(other) == run_id(experiment)) == (changed == "device")


@pytest.mark.parametrize("data", [Quality(), small_poisoning()])
def test_standard_training_on_data_of_no_ball_is_one_for_all_threat_models(data: object) -> None:
    linf = small_experiment(Standard(), training_data=data)
    l2 = replace(linf, threat_model=L2(0.5))
    assert (training_id(linf) == training_id(l2)) == isinstance(data, Quality)
    assert run_id(linf) != run_id(l2)


def test_a_naive_model_is_the_initialised_one_and_no_setting_of_training_enters(
    tmp_path: Path, trainings: list[int]
) -> None:
    naive = small_experiment(NoDefense(), training_data=Naive())
    other = replace(naive, recipe=small_recipe(epochs=9))
    assert run_id(other) == run_id(naive) != run_id(replace(naive, seed=1))
    files = done(tmp_path, naive)
    assert trainings == []
    assert not (tmp_path / "trained").exists()
    result = json.loads(files["result.json"])
    assert result["D"] < 0.6  # four classes, and nothing learnt


@pytest.mark.parametrize(("defense", "data"), [(NoDefense(), Quality()), (THRM, Naive())])
def test_only_a_naive_model_has_no_defense(defense: object, data: object) -> None:
    with pytest.raises(InputError, match="training_data=naive"):
        small_experiment(defense, training_data=data, threat_model=Linf(0.1))
