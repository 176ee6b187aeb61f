"""Whole runs on a small ImageNet: naive and pretrained networks of torchvision, and what they are refused for."""

from __future__ import annotations

import json
import shlex
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from composing import job as composed
from imagenet_folder import WNIDS, imagenet
from small_jobs import Silent
from torchvision import models
from typed_command import typed

from hypo.architectures.torchvision import Torchvision
from hypo.jobs.attempt import attempt
from hypo.jobs.job import Job
from hypo.measurements.evaluation import evaluate
from hypo.runs.loading import load_flags, load_model, load_test_data
from hypo.settings.errors import InputError
from hypo.settings.identity import training_id

NAIVE = ("training_data=naive", "arch.name=squeezenet1_1", "dataset.size=32")
PRETRAINED = ("arch.name=squeezenet1_1", "arch.weights=DEFAULT", "dataset.size=32")

Run = Callable[..., list[str]]


@pytest.fixture
def words(tmp_path: Path) -> Run:
    """What is typed for a short run on three classes without training images."""
    root = imagenet(tmp_path / "imagenet", train=0)

    def of(*overrides: str) -> list[str]:
        return [
            *("dataset=imagenet", f"dataset.root={root}", f"output_dir={tmp_path / 'outputs'}", "device=cpu"),
            *("arch=torchvision", "evaluation.attack.steps=2", "evaluation.batch=4", "tracking=disabled"),
            *overrides,
        ]

    return of


def done(words: list[str]) -> Job:
    made = composed(*words)
    made.experiment.check()
    assert attempt(made, Silent()).state == "done"
    return made


def test_a_naive_network_end_to_end(words: Run) -> None:
    naive = done(words("training_data=naive", "arch.name=resnet18", "dataset.size=64", "evaluation=pgd20"))
    assert naive.name == "imagenet-naive-resnet18-none-linf16_255-s0"
    path = naive.directory.path
    images, labels = load_test_data(path)
    assert images[2:5].shape == (3, 3, 64, 64)
    assert labels.tolist() == load_flags(path).label.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    predictions = load_model(path)(images[:]).argmax(1)
    assert predictions.tolist() == load_flags(path).clean_prediction.tolist()
    result = json.loads((path / "result.json").read_text())
    assert result["R_nat"] == pytest.approx(float((predictions != labels).float().mean()))


def test_a_naive_vgg_is_attacked(words: Run) -> None:
    """Its 129 million parameters are too many for a test to write."""
    experiment = composed(*words("training_data=naive", "arch.name=vgg11", "dataset.size=64")).experiment
    data = experiment.dataset.load()
    model = experiment.build_model(data).eval()
    test, _ = data.test.limited(3)
    flags = evaluate(model, test, data.maximum, experiment.threat_model, experiment.evaluation, seed=0)
    assert len(flags.label) == 3


# Pretrained


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which torch looks for weights, here for three classes; and no network."""

    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    name = models.SqueezeNet1_1_Weights.DEFAULT.url.rpartition("/")[2]
    file = tmp_path / "hub" / "checkpoints" / name
    file.parent.mkdir(parents=True)
    torch.manual_seed(3)
    torch.save(models.get_model("squeezenet1_1", num_classes=3).state_dict(), file)
    monkeypatch.setitem(models.SqueezeNet1_1_Weights.DEFAULT.meta, "categories", ["trout", "goldfish", "springer"])
    return file


def test_a_pretrained_network_is_measured_and_loaded_again_without_its_file(words: Run, weights: Path) -> None:
    run = done(words(*PRETRAINED))
    named = (run.config["training_data"]["name"], run.config["defense"]["name"], run.config["arch"]["weights"])
    assert named == ("elsewhere", "none", "IMAGENET1K_V1")
    published = models.get_model("squeezenet1_1", num_classes=3)
    published.load_state_dict(torch.load(weights, weights_only=True))
    weights.unlink()
    images, _ = load_test_data(run.directory.path)
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = published.eval()((images[:] - mean) / std)
    assert torch.equal(load_model(run.directory.path)(images[:]), expected)
    assert load_flags(run.directory.path).clean_prediction.tolist() == expected.argmax(1).tolist()


def test_default_weights_and_those_by_name_are_one_run(words: Run) -> None:
    default = composed(*words(*PRETRAINED))
    assert default.run_id == composed(*words(*PRETRAINED, "arch.weights=IMAGENET1K_V1", "defense=pgd_at")).run_id
    assert default.run_id != composed(*words(*PRETRAINED, "arch.weights=null", "training_data=naive")).run_id


def test_weights_follow_an_arch_into_another_experiment(words: Run) -> None:
    naive = composed(*words(*NAIVE)).experiment
    pretrained = naive.but(arch=Torchvision("resnet18", "DEFAULT"))
    assert training_id(pretrained) == training_id(
        composed(*words("arch.name=resnet18", "arch.weights=DEFAULT", "dataset.size=32")).experiment
    )
    trained = pretrained.but(arch=Torchvision("resnet18"))
    assert (type(trained.training_data).__name__, type(trained.defense).__name__) == ("Quality", "Standard")


# What is refused before anything starts


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    code, out, err = typed(monkeypatch, capsys, *words)
    assert code != 0
    return " ".join((out + err).split())


def test_training_without_training_images(
    words: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(monkeypatch, capsys, words("arch.name=squeezenet1_1", "dataset.size=32"))
    assert "dataset.root: takes a folder with training images, which this one lacks" in message


def test_weights_that_cannot_be_fetched(
    words: Run,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights.unlink()
    message = refused(monkeypatch, capsys, words(*PRETRAINED))
    assert f"arch.weights: https://download.pytorch.org/models/{weights.name} cannot be fetched" in message
    assert f"put the file at {weights}, in the folder that TORCH_HOME says" in message
    assert not (tmp_path / "outputs").exists()
    with pytest.raises(InputError, match=r"^arch.weights: .* cannot be fetched"):
        composed(*words(*PRETRAINED)).experiment.check(here=False)


def test_weights_for_another_number_of_classes(words: Run) -> None:
    with pytest.raises(InputError, match=r"^arch.weights: .* know 1000 classes, the data set has 3\Z"):
        composed(*words(*PRETRAINED)).experiment.check()


# What is done once more by a command that can be typed


def test_the_command_repeats_the_run_of_another_network(words: Run) -> None:
    needing = composed(*words(*NAIVE, "+measurement=[in_turn]", "+measurement.in_turn.friend.seed=3"))
    (needed,) = needing.prerequisites
    assert composed(*shlex.split(needed.command)[3:]).run_id == needed.run_id


def test_restricted_imagenet_on_the_command_line(words: Run, tmp_path: Path) -> None:
    file = tmp_path / "classes.yaml"
    file.write_text(f"fish: [{WNIDS[0]}, {WNIDS[1]}]\ndog: [{WNIDS[2]}]\n")
    run = done(words(*NAIVE, "dataset=restricted_imagenet", f"dataset.class_map={file}"))
    assert load_flags(run.directory.path).label.tolist() == [0] * 6 + [1] * 3
