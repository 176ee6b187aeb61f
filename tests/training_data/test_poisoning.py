"""Poisons: in their ball, towards their target, with everything else as it was; and the sweeps that need them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from small_jobs import THRM
from small_models import small_experiment, small_poisoning, small_recipe
from torch import Tensor, nn
from torch.nn import functional as F

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.digits import Digits
from hypo.datasets.images import ImageData, Split
from hypo.jobs.experiment import Experiment
from hypo.runs.crafted import Crafted
from hypo.training_data import crafting
from hypo.training_data.poisoning import Poisoning


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
    monkeypatch.setattr(crafting, "BATCH", 250)
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
