"""D_R and D_NR: what g sees in the crafted images, what they began as, and the model that g is of."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from composing import cell
from small_models import small_experiment, small_recipe
from torch import Tensor, nn

from hypo.architectures.mlp import Mlp
from hypo.architectures.representation import Representation
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.digits import Digits
from hypo.datasets.images import ImageData, Split
from hypo.defenses.standard import Standard
from hypo.defenses.trades import Trades
from hypo.runs.crafted import AlreadyCrafted, Crafted
from hypo.settings.errors import InputError
from hypo.settings.identity import run_id, training_id
from hypo.settings.other_run import OtherRun
from hypo.training_data import crafting
from hypo.training_data.naive import Naive
from hypo.training_data.quality import Quality
from hypo.training_data.restricted_features import RestrictedFeatures


def restricted(data: ImageData, model: nn.Module, threat_model: Any = None, **settings: Any) -> ImageData:
    made_by = RestrictedFeatures(OtherRun(), **{"steps": 60, **settings})
    experiment = small_experiment(Standard(), dataset=Digits(), threat_model=threat_model or Linf(0.1))
    with TemporaryDirectory() as folder:
        return made_by.prepare(data, experiment, [model], Crafted(Path(folder), "run"))


def in_unit_range(split: Split, data: ImageData) -> Tensor:
    return split.images.float() / data.maximum


def distances(model: nn.Module, made: ImageData, data: ImageData) -> Tensor:
    """(examples,) ‖g(x_r) − g(x)‖₂ / ‖g(x)‖₂."""
    seen_as = Representation(model)
    with torch.no_grad():
        wanted = seen_as(in_unit_range(data.train, data))
        found = seen_as(in_unit_range(made.train, made))
    return (found - wanted).norm(dim=1) / wanted.norm(dim=1)


@pytest.mark.parametrize("start", ["image", "noise"])
def test_the_model_sees_the_image_in_what_began_as_another(
    digits: ImageData, digits_cnn: nn.Module, start: str
) -> None:
    begun = restricted(digits, digits_cnn, start=start, steps=1, step_length=1e-6)
    made = restricted(digits, digits_cnn, start=start)
    before, after = distances(digits_cnn, begun, digits), distances(digits_cnn, made, digits)
    assert float(after.mean()) < 0.4 * float(before.mean())
    assert torch.equal(made.train.labels, digits.train.labels)


def test_one_step_is_normalised_gradient_descent_of_equation_5() -> None:
    """On g(x) = relu(x), where x > 0, the way down from x_r leads straight to x."""
    network = Mlp((4,)).build((1, 2, 2), 2)
    with torch.no_grad():
        network[1].weight.copy_(torch.eye(4))  # type: ignore[index,union-attr,operator]
        network[1].bias.zero_()  # type: ignore[index,union-attr,operator]
    images = torch.randint(60, 200, (20, 1, 2, 2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    split = Split(images, torch.arange(20) % 2)
    data = ImageData(split, split, ("a", "b"), maximum=255, mean=(0.0,), std=(1.0,))
    begun = in_unit_range(restricted(data, network, steps=1, step_length=1e-9).train, data)
    made = in_unit_range(restricted(data, network, steps=1, step_length=0.1).train, data)
    way = in_unit_range(data.train, data) - begun
    length = way.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    expected = torch.where(length > 0, begun + 0.1 * way / length.clamp_min(1e-9), begun)
    assert float((made - expected).abs().max()) <= 0.51 / 255


def test_the_starting_images_are_training_images_that_say_nothing_of_the_label(
    digits: ImageData, digits_cnn: nn.Module
) -> None:
    made = restricted(digits, digits_cnn, steps=1, step_length=1e-6)
    rows = {tuple(image.flatten().tolist()): int(label) for image, label in zip(*digits_rows(digits), strict=True)}
    factor = made.maximum // digits.maximum
    of_start = torch.tensor([rows[tuple((image // factor).flatten().tolist())] for image in made.train.images])
    share = float((of_start == digits.train.labels).float().mean())
    assert share == pytest.approx(0.1, abs=4 * (0.1 * 0.9 / len(of_start)) ** 0.5)


def digits_rows(data: ImageData) -> tuple[Tensor, Tensor]:
    return data.train.images, data.train.labels


def test_the_set_depends_on_its_seed_alone_and_not_on_the_threat_model(
    digits: ImageData, digits_mlp: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = restricted(digits, digits_mlp, steps=5)
    assert torch.equal(restricted(digits, digits_mlp, L2(0.5), steps=5).train.images, first.train.images)
    assert not torch.equal(restricted(digits, digits_mlp, steps=5, seed=1).train.images, first.train.images)
    monkeypatch.setattr(crafting, "BATCH", 250)
    other = restricted(digits, digits_mlp, steps=5)
    alike = (other.train.images.int() - first.train.images.int()).abs().flatten(1).amax(1) <= 1
    assert bool(alike.all())


def test_the_test_images_and_the_model_stay(digits: ImageData, digits_mlp: nn.Module) -> None:
    state = {name: value.clone() for name, value in digits_mlp.state_dict().items()}
    made = restricted(digits, digits_mlp, steps=2)
    assert torch.equal(in_unit_range(made.test, made), in_unit_range(digits.test, digits))
    assert made.train.images.dtype == torch.uint8
    assert made.train.images.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(value, state[name]) for name, value in digits_mlp.state_dict().items())
    assert all(parameter.requires_grad for parameter in digits_mlp.parameters())


def test_it_is_crafted_once_and_only_of_what_is_trained_on(
    digits: ImageData, digits_mlp: nn.Module, tmp_path: Path
) -> None:
    made_by = RestrictedFeatures(OtherRun(), steps=2)
    experiment = small_experiment(Standard(), dataset=Digits(), recipe=small_recipe(train_limit=40))
    first = made_by.prepare(digits, experiment, [digits_mlp], Crafted(tmp_path, "run"))
    again = made_by.prepare(digits, experiment, [nn.Identity()], AlreadyCrafted(tmp_path, "run"))
    assert len(first.train) == 40
    assert torch.equal(again.train.images, first.train.images)


def test_g_is_of_the_run_without_what_is_crafted() -> None:
    made_by = RestrictedFeatures(OtherRun(defense=Standard(), seed=0))
    experiment = small_experiment(Trades(2.0, cell().experiment.defense.attack), training_data=made_by, seed=4)
    (needed,) = made_by.prerequisites(experiment)
    assert (needed.training_data, needed.defense, needed.seed) == (Quality(), Standard(), 0)
    assert needed.prerequisites == ()
    naive = OtherRun(training_data=Naive())
    (untrained,) = RestrictedFeatures(naive).prerequisites(experiment)
    assert untrained.training_data == Naive()


def test_the_robust_set_is_made_with_an_adversarially_trained_model_whatever_the_run_is_attacked_in() -> None:
    """ℓ2, ε = 0.5, 7 steps of ε/5; D_NR with the standard model, which the run on quality data is too."""
    robust, non_robust, standard = (
        cell(f"training_data={name}", "defense=standard", "threat_model=linf").experiment
        for name in ("robust", "non_robust", "quality")
    )
    (g,) = robust.prerequisites
    assert g.threat_model == L2(0.5)
    assert (g.defense.attack.steps, g.defense.attack.relative_step) == (7, 0.2)
    assert (g.training_data, g.seed) == (Quality(), 0)
    assert [run_id(needed) for needed in non_robust.prerequisites] == [run_id(standard)]
    in_l2 = cell("training_data=robust", "defense=standard", "threat_model=l2").experiment
    assert training_id(in_l2) == training_id(robust)
    published = {"start": "image", "steps": 1000, "step_length": 0.1}
    for experiment in (robust, non_robust):
        assert {name: getattr(experiment.training_data, name) for name in published} == published


def test_g_without_a_penultimate_layer_is_refused_before_anything_starts() -> None:
    job = cell("training_data=robust", "arch.hidden=[]")
    with pytest.raises(
        InputError, match=r"^training_data\.model\.arch: takes one with a penultimate layer, got a s"
    ):
        job.experiment.check()
    deeper = ("+arch@training_data.model.arch=small_cnn", "arch.hidden=[]")
    cell("training_data=robust", *deeper).experiment.check()


def test_a_run_directory_that_is_none_is_refused_in_one_line() -> None:
    job = cell(
        "training_data=robust", "other_run@training_data.model=recorded", "training_data.model.run=/nowhere"
    )
    with pytest.raises(InputError, match=r"^training_data\.model: /nowhere: is no run directory"):
        _ = job.experiment.prerequisites


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"step_length": 0.0}, {"start": "elsewhere"}, {"seed": -1}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(wrong))}: takes "):
        RestrictedFeatures(OtherRun(), **wrong)
