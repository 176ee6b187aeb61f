"""D_rand and D_det: towards which class, how far, and under which label."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from composing import cell
from small_models import linear_model, small_experiment
from torch import Tensor, nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.digits import Digits
from hypo.datasets.images import ImageData, Split
from hypo.defenses.standard import Standard
from hypo.runs.crafted import AlreadyCrafted, Crafted
from hypo.settings.errors import InputError
from hypo.settings.identity import run_id, training_id
from hypo.settings.other_run import OtherRun
from hypo.training_data.flipped_features import FlippedFeatures

FEW = ProjectedGradient(steps=20, relative_step=0.2, start="clean")


def flipped(data: ImageData, model: nn.Module, targets: Any, **settings: Any) -> ImageData:
    made_by = FlippedFeatures(OtherRun(), targets, **{"attack": FEW, **settings})
    experiment = small_experiment(Standard(), dataset=Digits(), threat_model=Linf(0.01))
    with TemporaryDirectory() as folder:
        return made_by.prepare(data, experiment, [model], Crafted(Path(folder), "run"))


def in_unit_range(split: Split, data: ImageData) -> Tensor:
    return split.images.float() / data.maximum


@pytest.mark.parametrize("targets", ["uniform", "next"])
def test_images_stay_in_their_own_ball_and_go_to_the_class_that_is_their_label(
    digits: ImageData, digits_mlp: nn.Module, targets: str
) -> None:
    made = flipped(digits, digits_mlp, targets, threat_model=L2(2.5))
    clean, moved = in_unit_range(digits.train, digits), in_unit_range(made.train, made)
    half_a_level = torch.full_like(clean, 0.5 / made.maximum)
    ball = L2(2.5)
    assert bool((ball.distance(moved, clean) <= 2.5 + ball.distance(clean + half_a_level, clean) + 1e-6).all())
    with torch.no_grad():
        before, after = digits_mlp(clean).argmax(1), digits_mlp(moved).argmax(1)
    assert float((after == made.train.labels).float().mean()) > 0.95
    assert float((before == made.train.labels).float().mean()) < 0.2


def test_labels_are_the_next_class_or_any_with_equal_chances(digits: ImageData, digits_mlp: nn.Module) -> None:
    labels = digits.train.labels
    once = ProjectedGradient(steps=1, relative_step=1, start="clean")
    det, rand = (flipped(digits, digits_mlp, targets, attack=once) for targets in ("next", "uniform"))
    assert torch.equal(det.train.labels, (labels + 1) % 10)
    expected = len(labels) / 10
    counts = torch.bincount(rand.train.labels, minlength=10)
    assert bool(((counts - expected).abs() < 4 * expected**0.5).all())
    assert float((rand.train.labels == labels).float().mean()) == pytest.approx(0.1, abs=0.05)
    other = flipped(digits, digits_mlp, "uniform", attack=once, seed=1)
    assert not torch.equal(other.train.labels, rand.train.labels)


def test_on_a_linear_model_the_image_moves_straight_to_the_other_class() -> None:
    """Of two classes with logits ±w·x, that is ε along ±w / ‖w‖."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(4, generator=random)
    model = linear_model(torch.stack([weight, -weight]))
    images = torch.randint(100, 156, (20, 1, 2, 2), generator=random, dtype=torch.uint8)
    split = Split(images, torch.arange(20) % 2)
    data = ImageData(split, split, ("a", "b"), maximum=255, mean=(0.0,), std=(1.0,))
    made = flipped(data, model, "next", threat_model=L2(0.3))
    towards = torch.where(split.labels == 1, 1, -1).view(-1, 1, 1, 1) * weight.view(1, 1, 2, 2) / weight.norm()
    expected = images.float() + 0.3 * 255 * towards
    assert float((made.train.images.float() - expected).abs().max()) <= 0.51
    assert torch.equal(made.train.labels, 1 - split.labels)


def test_everything_but_the_training_split_stays(digits: ImageData, digits_mlp: nn.Module, tmp_path: Path) -> None:
    made_by = FlippedFeatures(OtherRun(), "uniform", attack=FEW)
    experiment = small_experiment(Standard(), dataset=Digits())
    made = made_by.prepare(digits, experiment, [digits_mlp], Crafted(tmp_path, "run"))
    assert torch.equal(in_unit_range(made.test, made), in_unit_range(digits.test, digits))
    assert torch.equal(made.test.labels, digits.test.labels)
    again = made_by.prepare(digits, experiment, [nn.Identity()], AlreadyCrafted(tmp_path, "run"))
    assert torch.equal(again.train.images, made.train.images)
    assert torch.equal(again.train.labels, made.train.labels)


def test_both_are_made_on_one_standard_model_whatever_the_run_is_attacked_in() -> None:
    """ℓ2, ε = 0.5, 100 steps of 0.1."""
    standard = cell("training_data=quality", "defense=standard").experiment
    for name, targets in (("rand", "uniform"), ("det", "next")):
        one, other = (
            cell(f"training_data={name}", "defense=standard", f"threat_model={norm}").experiment
            for norm in ("linf", "l2")
        )
        assert training_id(one) == training_id(other)
        made_by = one.training_data
        assert (made_by.targets, made_by.threat_model) == (targets, L2(0.5))
        assert (made_by.attack.steps, made_by.attack.start) == (100, "clean")
        assert made_by.attack.relative_step * made_by.threat_model.epsilon == pytest.approx(0.1)
        assert [run_id(needed) for needed in one.prerequisites] == [run_id(standard)]
    trained = cell("training_data=det", "defense=pgd_at", "seed=3").experiment
    assert [training_id(needed) for needed in trained.prerequisites] == [training_id(standard)]


@pytest.mark.parametrize("wrong", [{"targets": "previous"}, {"targets": "next", "seed": -1}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^(targets|seed): takes "):
        FlippedFeatures(OtherRun(), **wrong)
