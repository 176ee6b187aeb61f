"""A model that was made elsewhere carries what is wrong with it as a warning."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from hypo.architectures import probing
from hypo.architectures.adapted import Adapted
from hypo.datasets.images import ImageData
from hypo.measurements.probing import Probing

FOREIGN = SimpleNamespace(probe=probing.probe)


def subject(model: nn.Module, data: ImageData, arch: Any = FOREIGN) -> Any:
    return SimpleNamespace(model=model, data=data, arch=arch, evaluation=SimpleNamespace(batch=20))


def test_a_model_of_hypo_is_not_asked(digits_mlp: nn.Module, digits: ImageData) -> None:
    found = Probing().measure(subject(digits_mlp, digits, arch=object()))
    assert (found.warning, found.curves) == ("", ())


def test_nothing_is_said_of_a_model_that_is_as_it_should_be(digits_mlp: nn.Module, digits: ImageData) -> None:
    found = Probing().measure(subject(Adapted(digits_mlp), digits))
    assert found.warning == ""
    (curve,) = found.curves
    shares = {point.at: point.share for point in curve.points}
    assert set(shares) == {"[0, 1]", "[-1, 1]", "[0, 255]", "MNIST's mean and std"}
    assert shares["[0, 1]"].of == 64
    test, _ = digits.test.limited(64)
    assert shares["[0, 1]"].count == int((digits_mlp(test.images.float() / 16).argmax(1) == test.labels).sum())


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (lambda model: nn.Sequential(model, nn.Softmax(1)), ["returns probabilities"]),
        (lambda model: nn.Sequential(Noise(), model), ["not deterministic"]),
        (lambda model: nn.Sequential(Times(1 / 255), model), ["of 64 images with [0, 255]"]),
        (lambda model: nn.Sequential(Times(1 / 255), model, nn.Softmax(1)), ["returns probabilities", "[0, 255]"]),
    ],
)
def test_what_is_wrong_is_said(model: Any, told: list[str], digits_mlp: nn.Module, digits: ImageData) -> None:
    warning = Probing().measure(subject(Adapted(model(digits_mlp)), digits)).warning
    assert "\n" not in warning
    for each in told:
        assert each in warning


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.factor * images


class Noise(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images + 0.2 * torch.randn_like(images)
