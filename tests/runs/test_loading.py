"""Models and test data read back from a run directory, and nothing executed meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
import yaml
from small_jobs import THRM, Silent, job
from small_models import small_experiment

from hypo.architectures.small_cnn import SmallCnn
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.datasets.digits import Digits
from hypo.jobs import experiment as experiment_module
from hypo.jobs.attempt import attempt
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Flags
from hypo.runs.directory import RunDirectory
from hypo.runs.loading import load_flags, load_model, load_test_data
from hypo.settings.errors import InputError


@pytest.fixture(scope="module", params=["batch-norm", "part of the digits"])
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished run."""
    if request.param == "batch-norm":
        experiment = small_experiment(THRM)
    else:
        experiment = small_experiment(
            THRM,
            dataset=Digits(),
            arch=SmallCnn(channels=(4,), hidden=16),
            evaluation=Evaluation(ProjectedGradient(steps=2), test_limit=100),
        )
    finished = job(tmp_path_factory.mktemp("runs"), experiment)
    assert attempt(finished, Silent()).state == "done"
    return finished.directory.path


def test_model_and_test_data_reproduce_the_recorded_predictions(done: Path) -> None:
    examples = pandas.read_parquet(done / "examples.parquet")
    images, labels = load_test_data(done)
    assert images.dtype == torch.float32
    assert 0 <= images.min() < images.max() <= 1
    np.testing.assert_array_equal(labels.numpy(), examples.label)
    model = load_model(done)
    assert not any(module.training for module in model.modules())
    with torch.no_grad():
        logits = model(images)
    np.testing.assert_array_equal(logits.argmax(1).numpy(), examples.clean_prediction)
    margin = logits.gather(1, labels[:, None])[:, 0] - logits.scatter(1, labels[:, None], -torch.inf).amax(1)
    np.testing.assert_allclose(margin.numpy(), examples.margin, atol=1e-5)


def test_a_loaded_model_can_be_attacked_and_trained(done: Path) -> None:
    model, (images, labels) = load_model(str(done)), load_test_data(str(done))
    loss = torch.nn.functional.cross_entropy(model(images[:5]), labels[:5])
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_flags_come_back_as_they_were_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Flags] = []
    monkeypatch.setattr(experiment_module, "evaluate", lambda *a, **b: found.append(evaluate(*a, **b)) or found[0])
    weak = ProjectedGradient(steps=1, relative_step=0.01, start="clean")
    evaluation = Evaluation(weak, then={"pgd": ProjectedGradient(steps=6), "random": RandomPoints(9)})
    run = job(tmp_path, small_experiment(THRM, evaluation=evaluation))
    assert attempt(run, Silent()).state == "done"
    path = run.directory.path
    config = (path / "config.yaml").read_text()
    for name in ("pgd", "gradient"):  # a later command may call the same search otherwise
        (path / "config.yaml").write_text(config.replace("    pgd:", f"    {name}:"))
        loaded = load_flags(path)
        for each in fields(Flags):
            np.testing.assert_array_equal(getattr(loaded, each.name), getattr(found[0], each.name), each.name)
    assert "    gradient:" in (path / "config.yaml").read_text()
    assert {None, "pgd"} <= set(loaded.search)
    assert isinstance(loaded.passes, tuple)
    result = json.loads((path / "result.json").read_text())
    for by in result["searches"].values():
        del by["passes"]
    (path / "result.json").write_text(json.dumps(result))  # as it was before passes were counted
    assert load_flags(path).passes is None


def test_a_run_without_a_result_has_no_flags(directory: RunDirectory) -> None:
    with pytest.raises(InputError, match=r": has no result; the run is queued$"):
        load_flags(directory.path)


def test_loading_changes_nothing_on_disk(done: Path) -> None:
    def state() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in done.iterdir()}

    before = state()
    load_model(done)
    load_test_data(done)
    assert state() == before


def test_a_run_without_a_model_says_how_far_it_is(directory: RunDirectory) -> None:
    with pytest.raises(InputError, match=r"there is no trained model; the run is queued$"):
        load_model(directory.path)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    for load in (load_model, load_test_data):
        with pytest.raises(InputError, match=r": is no run directory, it has no config\.yaml") as error:
            load(tmp_path)
        assert "\n" not in str(error.value)


def test_a_cut_short_model_is_refused(directory: RunDirectory) -> None:
    directory.save_model(torch.nn.Linear(2, 2), (1, 1, 2), 2)
    weights = directory.path / "model.safetensors"
    whole = weights.read_bytes()
    for content in (whole[:-3], whole[:20], b""):
        weights.write_bytes(content)
        with pytest.raises(InputError, match=r"model\.safetensors: cannot be read") as error:
            load_model(directory.path)
        assert "\n" not in str(error.value)
        assert weights.read_bytes() == content


@pytest.mark.parametrize("target", ["os.system", "subprocess.Popen", "posix.system", "builtins.exec"])
@pytest.mark.parametrize("group", ["arch", "dataset"])
def test_a_malicious_config_is_not_executed(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch, target: str, group: str
) -> None:
    def called(*arguments: object, **named: object) -> None:
        raise AssertionError(f"{target} was called")

    monkeypatch.setattr(os, "system", called)
    monkeypatch.setattr(subprocess.Popen, "__init__", called)
    trace = directory.path / "executed"
    config = directory.config()
    config[group] = {"_target_": target, "command": f"touch {trace}", "args": ["touch", str(trace)]}
    (directory.path / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(InputError, match=rf"^{group}\._target_: "):
        (load_model if group == "arch" else load_test_data)(directory.path)
    assert not trace.exists()


def test_yaml_with_python_objects_in_it_is_not_executed(directory: RunDirectory) -> None:
    trace = directory.path / "executed"
    text = f"schema: 2\narch: !!python/object/apply:os.system ['touch {trace}']\n"
    (directory.path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match=r"config\.yaml: cannot be read"):
        load_model(directory.path)
    assert not trace.exists()
