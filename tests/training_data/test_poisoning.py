"""Poisons: in their ball, towards their target, with everything else as it was; and the sweeps that need them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from small_jobs import THRM, Silent, job
from small_models import Stripes, small_experiment, small_poisoning, small_recipe
from torch import Tensor, nn
from torch.nn import functional as F
from typed_command import Typed, typed

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.command_line.console import Lines
from hypo.datasets.digits import Digits
from hypo.datasets.images import ImageData, Split
from hypo.defenses.standard import Standard
from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
from hypo.runs.crafted import Crafted
from hypo.runs.outcome import Outcome
from hypo.threat_models.l2 import L2
from hypo.threat_models.linf import Linf
from hypo.threat_models.threat_model import ThreatModel
from hypo.training_data import poisoning
from hypo.training_data.poisoning import Poisoning
from hypo.training_data.quality import Quality


def experiment_on_digits(threat_model: ThreatModel, **changes: object) -> Experiment:
    return small_experiment(THRM, dataset=Digits(), threat_model=threat_model, **changes)


def poisoned(
    data: ImageData, model: nn.Module, threat_model: ThreatModel | None = None, made_by: Poisoning | None = None
) -> ImageData:
    experiment = experiment_on_digits(threat_model or Linf(0.1))
    with TemporaryDirectory() as folder:
        return (made_by or small_poisoning()).prepare(data, experiment, [model], Crafted(Path(folder), "run"))


def in_unit_range(split: Split, data: ImageData) -> Tensor:
    """The images as a model sees them."""
    return split.images.float() / data.maximum


def targeted_losses(model: nn.Module, split: Split, data: ImageData) -> Tensor:
    """(examples,) cross-entropy to the next class."""
    with torch.no_grad():
        logits = model(in_unit_range(split, data))
    return F.cross_entropy(logits, (split.labels + 1) % len(data.classes), reduction="none")


@pytest.mark.parametrize("threat_model", [Linf(0.1), Linf(0.003), L2(0.5)], ids=["linf", "small linf", "l2"])
def test_poisons_lie_in_the_ball_up_to_half_a_grey_level(
    digits: ImageData, digits_mlp: nn.Module, threat_model: ThreatModel
) -> None:
    made = poisoned(digits, digits_mlp, threat_model)
    clean, poisons = in_unit_range(digits.train, digits), in_unit_range(made.train, made)
    half_a_level = torch.full_like(clean, 0.5 / made.maximum)
    rounding = threat_model.distance(clean + half_a_level, clean)
    assert bool((threat_model.distance(poisons, clean) <= threat_model.epsilon + rounding + 1e-6).all())
    assert poisons.min() >= 0
    assert poisons.max() <= 1


def test_the_targeted_loss_falls_and_further_than_by_one_step(digits: ImageData, digits_mlp: nn.Module) -> None:
    one_step = small_poisoning(attack=ProjectedGradient(steps=1, relative_step=1, start="clean"))
    before = targeted_losses(digits_mlp, digits.train, digits)
    after_one, after = (
        targeted_losses(digits_mlp, made.train, made)
        for made in (poisoned(digits, digits_mlp, made_by=one_step), poisoned(digits, digits_mlp))
    )
    assert bool((after < before).all())
    assert float(after.mean()) < float(after_one.mean()) < 0.9 * float(before.mean())


def test_on_a_linear_model_the_poison_is_the_nearest_corner_of_the_ball() -> None:
    """Of two classes with logits ±w·x, either is reached straight along ±sign(w)."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(4, generator=random)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.stack([weight, -weight]))  # type: ignore[union-attr,operator]
    images = torch.randint(100, 156, (20, 1, 2, 2), generator=random, dtype=torch.uint8)
    labels = torch.arange(20) % 2
    split = Split(images, labels)
    data = ImageData(split, split, ("a", "b"), maximum=255, mean=(0.0,), std=(1.0,))
    made = poisoned(data, model, Linf(10 / 255))
    towards = torch.where(labels == 1, 1, -1).view(-1, 1, 1, 1) * weight.sign().view(1, 1, 2, 2)
    assert torch.equal(made.train.images.int(), images.int() + 10 * towards.int())


def test_everything_but_the_training_images_stays(digits: ImageData, digits_mlp: nn.Module) -> None:
    state = {name: value.clone() for name, value in digits_mlp.state_dict().items()}
    made = poisoned(digits, digits_mlp)
    assert torch.equal(made.train.labels, digits.train.labels)
    assert torch.equal(made.test.labels, digits.test.labels)
    assert torch.equal(in_unit_range(made.test, made), in_unit_range(digits.test, digits))
    for name in ("classes", "mean", "std", "shape"):
        assert getattr(made, name) == getattr(digits, name)
    assert made.train.images.dtype == made.test.images.dtype == torch.uint8
    assert made.train.images.is_contiguous(memory_format=torch.channels_last)
    assert made.test.images.is_contiguous(memory_format=torch.channels_last)
    assert not any(module.training for module in digits_mlp.modules())
    for name, value in digits_mlp.state_dict().items():
        assert torch.equal(value, state[name])


def test_the_poisons_are_always_the_same_and_crafted_part_by_part(
    digits: ImageData, digits_mlp: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    last = ProjectedGradient.last

    def watched(self: ProjectedGradient, model: nn.Module, images: Tensor, *others: object) -> Tensor:
        sizes.append(len(images))
        return last(self, model, images, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(ProjectedGradient, "last", watched)
    first = poisoned(digits, digits_mlp)
    assert sizes == [500, 100]
    assert torch.equal(poisoned(digits, digits_mlp).train.images, first.train.images)
    monkeypatch.setattr(poisoning, "BATCH", 250)
    other = poisoned(digits, digits_mlp)
    assert sizes[4:] == [250, 250, 100]
    # Only an example whose gradient vanishes depends on the noise of its batch; a rounding may differ besides.
    alike = (other.train.images.int() - first.train.images.int()).abs().flatten(1).amax(1) <= 1
    assert float(alike.float().mean()) > 0.95


def test_only_what_will_be_trained_on_is_crafted(digits: ImageData, digits_mlp: nn.Module, tmp_path: Path) -> None:
    experiment = experiment_on_digits(Linf(0.1), recipe=small_recipe(train_limit=40))
    made = small_poisoning().prepare(digits, experiment, [digits_mlp], Crafted(tmp_path, "run"))
    expected, _ = digits.train.limited(40)
    assert torch.equal(made.train.labels, expected.labels)
    assert float((in_unit_range(made.train, made) - in_unit_range(expected, digits)).abs().max()) < 0.11
    again, _ = made.train.limited(40)
    assert torch.equal(again.images, made.train.images)


@pytest.mark.parametrize("maximum", [1, 3, 16, 100, 127, 128, 255])
def test_finer_grey_levels_are_the_same_floats(maximum: int) -> None:
    images = torch.arange(maximum + 1, dtype=torch.uint8).view(-1, 1, 1, 1)
    split = Split(images, torch.zeros(maximum + 1, dtype=torch.int64))
    data = ImageData(split, split, ("a", "b"), maximum, mean=(0.0,), std=(1.0,))
    finer = data.finer()
    assert 128 <= finer.maximum <= 255
    for made in (finer.train, finer.test):
        assert torch.equal(made.images.float() / finer.maximum, images.float() / maximum)
        # Some devices multiply by the reciprocal instead of dividing.
        reciprocals = [torch.tensor(1.0) / torch.tensor(float(number)) for number in (finer.maximum, maximum)]
        assert torch.equal(made.images.float() * reciprocals[0], images.float() * reciprocals[1])


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
