"""Models whose gradient is masked are caught, and honest ones are not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from composing import job as composed
from small_models import quickly_trained
from subjects import subject
from torch import Tensor, nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData
from hypo.defenses.pgd_at import PgdAt
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Finding
from hypo.measurements.masking import Masking, signs
from hypo.measurements.risks import Share
from hypo.settings.errors import InputError
from hypo.training.loop import train
from hypo.training.recipe import Recipe


class Quantised(nn.Module):
    """`model` on images of five grey levels: piecewise constant, as defenses that compress images are."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model((4 * images).round() / 4)


class Saturated(Quantised):
    """`model` so sure of everything that its cross-entropy is flat, as in defensive distillation."""

    def forward(self, images: Tensor) -> Tensor:
        return 1e4 * self.model(images)


class Constant(Quantised):
    """Always the first class, whatever it is shown."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.eye(10)[0] + 0 * self.model(images)


def masking(
    data: ImageData,
    model: nn.Module,
    threat_model: ThreatModel | None = None,
    source: nn.Module | None = None,
    **changes: object,
) -> Finding:
    evaluation = Evaluation(ProjectedGradient(steps=5), **changes)  # type: ignore[arg-type]
    measured = subject(model, data.test, data.maximum, threat_model or Linf(0.1), evaluation, classes=10)
    return Masking().measure(replace(measured, models=() if source is None else (source,)))


def test_a_piecewise_constant_model_is_caught(digits: ImageData, digits_mlp: nn.Module) -> None:
    found = masking(digits, Quantised(digits_mlp), source=digits_mlp)
    assert re.match("[2-7] of 7 signs of gradient masking: ", found.warning)
    for sign in ("no gradient (at 200 of 200)", "another model's examples beat the gradient"):
        assert sign in found.warning
    assert found.shares["no_gradient"].share.value == 1


def test_a_saturated_model_is_caught_where_the_cross_entropy_is_climbed(
    digits: ImageData, digits_mlp: nn.Module
) -> None:
    """Along the margin, which does not saturate, there is nothing to catch."""
    found = masking(digits, Saturated(digits_mlp), source=digits_mlp)
    for sign in ("no gradient", "another model's examples beat the gradient", "more steps find no more"):
        assert sign in found.warning
    assert masking(digits, Saturated(digits_mlp), source=digits_mlp, objective="margin").warning == ""


@pytest.mark.parametrize("threat_model", [Linf(0.1), L2(0.5)], ids=["linf", "l2"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_honest_model_is_not(digits: ImageData, threat_model: ThreatModel, seed: int) -> None:
    torch.manual_seed(seed)
    net, other, linear = (
        nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 10)),
        nn.Sequential(nn.Flatten(), nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 10)),
        nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
    )
    for model in (net, other, linear):
        quickly_trained(model, digits, epochs=5)
    for model in (net, linear):
        found = masking(digits, model, threat_model, other)
        assert found.warning == ""
        assert found.shares["masking_signs"].share == Share(0, 7)
        assert found.shares["never_broken"].share.count == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_a_robust_model_and_a_convolution_are_honest_too(digits: ImageData, seed: int) -> None:
    """The more robust a model, the less finds an attack along its gradient, and that is no sign."""
    torch.manual_seed(seed)
    robust, source = (
        nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 10)) for _ in range(2)
    )
    convolution = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10))
    defense = PgdAt(ProjectedGradient(steps=3, relative_step=0.5))
    recipe = Recipe(epochs=8, batch=60, optimizer="adam", learning_rate=0.004)
    train(robust, digits.train, digits.maximum, defense, Linf(0.1), recipe, seed)
    for model in (source, convolution):
        quickly_trained(model, digits, epochs=5)
    found = [masking(digits, model.eval(), source=source) for model in (robust, convolution)]
    assert [each.warning for each in found] == ["", ""]
    broken = [dict((point.at, point.share.count) for point in each.curves[0].points)["PGD-20"] for each in found]
    assert broken[0] < broken[1]


def test_where_every_answer_is_the_same_nothing_is_masked(digits: ImageData, digits_mlp: nn.Module) -> None:
    found = masking(digits, Constant(digits_mlp))
    assert found.warning == ""
    assert found.shares["masking_signs"].share == Share(0, 6)


@pytest.mark.parametrize("threat_model", [Linf(0.1), L2(0.5)], ids=["linf", "l2"])
def test_a_model_that_is_never_right_has_nothing_to_break(
    digits: ImageData, digits_mlp: nn.Module, threat_model: ThreatModel
) -> None:
    test = digits.test.limited(20)[0]
    wrong = replace(digits, test=replace(test, labels=(digits_mlp(test.images.float() / 16).argmax(1) + 1) % 10))
    found = masking(wrong, digits_mlp, threat_model, source=digits_mlp)
    assert found.warning == ""
    assert all(point.share == Share(0, 0) for point in found.curves[0].points)


def of(*broken: int, n: int = 200) -> Tensor:
    """The first, and then others, of `n` examples."""
    begin, end = broken
    return (torch.arange(n) >= begin) & (torch.arange(n) < end)


NOTHING = {"two steps": of(0, 50), "PGD-20": of(0, 100), "PGD-20 from the image": of(0, 100)}


@pytest.mark.parametrize(
    ("found", "everywhere", "flat", "expected"),
    [
        (NOTHING, of(0, 200), of(0, 0), []),
        (NOTHING | {"single step": of(50, 109)}, of(0, 200), of(0, 0), []),  # more, but fewer than it lacks
        (NOTHING | {"single step": of(0, 110)}, of(0, 200), of(0, 0), ["a single step beats many"]),
        (NOTHING | {"single step": of(0, 109)}, of(0, 200), of(0, 0), []),  # nine more may be chance
        (NOTHING | {"PGD-20 from the image": of(0, 60)}, of(0, 200), of(0, 0), ["a random first step beats none"]),
        (NOTHING, of(0, 190), of(0, 0), ["not all break where every image is in reach"]),
        (NOTHING, of(0, 198), of(0, 0), []),
        (NOTHING, of(0, 200), of(0, 10), ["no gradient"]),
        (
            NOTHING | {"two steps": of(0, 95), "100 random points": of(0, 130)},
            of(0, 200),
            of(0, 0),
            ["more steps find no more", "random points beat the gradient"],
        ),
    ],
)
def test_a_sign_is_more_than_chance(
    found: dict[str, Tensor], everywhere: Tensor, flat: Tensor, expected: list[str]
) -> None:
    assert list(signs(found, everywhere, flat)) == expected


def test_by_default_a_standard_run_is_the_source_and_it_can_be_left_out() -> None:
    (source,) = composed("measurement=[masking]", "defense=trades").prerequisites
    assert (source.config["defense"]["name"], source.experiment.seed) == ("standard", 100)
    assert not composed("measurement=[masking]", "measurement.masking.source=null").prerequisites
    with pytest.raises(InputError, match=r"measurement.masking.examples: takes a whole number >= 1, got 0"):
        composed("measurement=[masking]", "measurement.masking.examples=0")
