"""What a job is: its name, its place on disk, what another process needs to run it, and what it needs first."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from small_jobs import THRM, job
from small_models import Stripes, small_experiment
from torch import nn

from hypo.datasets.images import ImageData
from hypo.defenses.standard import Standard
from hypo.jobs.experiment import Experiment
from hypo.jobs.job import Job, from_record
from hypo.settings.errors import InputError
from hypo.training_data.quality import Quality


def test_jobs_of_other_settings_have_other_directories(tmp_path: Path) -> None:
    one, other = job(tmp_path), job(tmp_path, small_experiment(THRM, seed=1))
    assert one.directory.path != other.directory.path
    assert len(list((tmp_path / "runs").iterdir())) == 2
    assert job(tmp_path, small_experiment(THRM, dataset=Stripes(noise=119))).run_id != one.run_id


def test_a_directory_is_found_by_its_run_id_whatever_it_is_called(tmp_path: Path) -> None:
    first = job(tmp_path)
    other_name = replace(first, config={**first.config, "dataset": {"name": "other"}})
    assert other_name.directory_name != first.directory_name
    assert other_name.directory.path == first.directory.path
    moved = tmp_path / "runs" / f"by-hand-{first.run_id}"
    first.directory.path.rename(moved)
    assert first.directory.path == other_name.directory.path == moved
    assert first.record["directory"] == moved.name
    moved.rename(tmp_path / "runs" / "no-run")
    assert first.directory.path == tmp_path / "runs" / first.directory_name


def test_a_job_knows_where_it_will_lie_before_anything_is_there(tmp_path: Path) -> None:
    planned = replace(job(tmp_path), runs=tmp_path / "not" / "there")
    assert planned.directory.path == tmp_path / "not" / "there" / planned.directory_name
    assert not (tmp_path / "not").exists()


def test_a_record_is_plain_data_from_which_the_same_job_is_made_again(tmp_path: Path) -> None:
    planned = job(tmp_path, small_experiment(THRM, seed=3))
    record = json.loads(json.dumps(planned.record))
    assert record["directory"] == planned.directory_name
    assert record["config"]["run_id"] == planned.run_id
    assert record["config"] == planned.directory.config()
    again = from_record(record, tmp_path / "runs")
    assert again == planned
    assert (again.run_id, again.record) == (planned.run_id, record)


def test_a_record_whose_settings_are_others_than_its_run_id_says_is_refused(tmp_path: Path) -> None:
    record = json.loads(json.dumps(job(tmp_path).record))
    record["config"]["recipe"]["epochs"] += 1
    with pytest.raises(InputError, match=r"its data or the code changed since it was planned; its run id is now "):
        from_record(record, tmp_path / "runs")


@dataclass(frozen=True)
class FromAnother:
    """Training data that needs the model of a run with other settings in it."""

    seed: int = 0

    def prerequisites(self, experiment: Any) -> Sequence[Any]:
        return (replace(experiment, training_data=Quality(), defense=Standard(), seed=self.seed),)

    def prepare(self, data: ImageData, experiment: Any, models: Sequence[nn.Module]) -> ImageData:
        return data


def needing(runs: Path, command: str, **changes: Any) -> Job:
    experiment = small_experiment(THRM, **{"training_data": FromAnother(), "seed": 4, **changes})
    return replace(job(runs, experiment), command=command)


def test_a_prerequisite_is_a_job_that_differs_in_what_it_must(tmp_path: Path) -> None:
    dependent = needing(tmp_path, "python -m hypo.run training_data=from_another lambda=3 seed=4")
    (needed,) = dependent.prerequisites
    assert needed.experiment == small_experiment(Standard(), seed=0)
    assert needed.experiment.prerequisites == needed.prerequisites == ()
    changed = {key for key in dependent.config if dependent.config[key] != needed.config[key]}
    assert changed == {"training_data", "defense", "lambda", "seed"}
    assert (needed.config["defense"]["name"], needed.config["training_data"]["name"]) == ("standard", "quality")
    assert (needed.config["lambda"], needed.config["seed"]) == (None, 0)
    assert needed.label == "standard-threat_model0.05-s0"
    assert (needed.runs, needed.tracking) == (dependent.runs, dependent.tracking)
    assert from_record(json.loads(json.dumps(needed.record)), tmp_path / "runs") == needed


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("training_data=from_another", "training_data=quality defense=standard seed=0"),
        ("epsilon=8/255 lambda=3 defense=thrm", "epsilon=8/255 training_data=quality defense=standard seed=0"),
        ("+lambda=3 seed=4", "training_data=quality defense=standard seed=0"),
        (
            "training_data.seed=0 defense.attack.steps=3 recipe.epochs=2 '+sweeps=my sweep'",
            "recipe.epochs=2 '+sweeps=my sweep' training_data=quality defense=standard seed=0",
        ),
    ],
)
def test_the_command_of_a_prerequisite_repeats_just_that(tmp_path: Path, typed: str, expected: str) -> None:
    (needed,) = needing(tmp_path, f"python -m hypo.run {typed}").prerequisites
    assert needed.command == f"python -m hypo.run {expected}"
    assert shlex.split(needed.command)[:3] == ["python", "-m", "hypo.run"]


def test_jobs_that_need_the_same_name_one_run(tmp_path: Path) -> None:
    needed = {
        experiment.run_id
        for seed in range(3)
        for experiment in needing(tmp_path, "python -m hypo.run", seed=seed).prerequisites
    }
    assert len(needed) == 1
    (other,) = needing(tmp_path, "python -m hypo.run", training_data=FromAnother(seed=1)).prerequisites
    assert other.run_id not in needed
    assert isinstance(other.experiment, Experiment)
