"""What is certified of ℓ∞-dist nets lies below every radius, and a radius below it fails the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from small_models import linear_model
from subjects import subject
from test_radius import NAMES, PGD, points
from torch import nn

from hypo.architectures.linf_dist_net import LinfDistLayer, LinfDistNet
from hypo.architectures.normalised import Normalised
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData, Split
from hypo.measurements.certificate import certified, certified_radii
from hypo.measurements.radius import Radius
from hypo.measurements.radius_finding import Radii
from hypo.settings.errors import CertificateError


def dist_net(shape: tuple[int, int, int] = (1, 8, 8), classes: int = 10) -> nn.Module:
    """A tiny ℓ∞-dist net as it is after training, with a std of 0.4."""
    torch.manual_seed(1)
    network = LinfDistNet(hidden=(20,)).build(shape, classes)
    for layer in network.modules():
        if isinstance(layer, LinfDistLayer):
            layer.anneal(1.0)
            layer.weight.data.clamp_(-2, 2)
    return Normalised(network, [0.5], [0.4]).eval()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_of_a_dist_net_the_radius_lies_above_half_the_margin(digits: ImageData, norm: Any) -> None:
    model = dist_net()
    test, _ = digits.test.limited(120)
    predicted = model(test.images.float() / 16).argmax(1)
    labels = torch.where(torch.arange(120) % 3 == 0, (predicted + 1) % 10, predicted)  # a third are mistakes
    measured = subject(model, Split(test.images, labels), 16, Linf(0.01), PGD, classes=10)
    measured = replace(measured, arch=LinfDistNet(hidden=(20,)))
    found = Radius(norm=norm, up_to=0.4).measure(measured)
    flags, columns = measured.flags, {name: column.values for name, column in found.columns.items()}
    np.testing.assert_allclose(columns["certified_radius"], 0.4 * np.abs(flags.margin) / 2, rtol=1e-4)
    reached = np.isfinite(columns["radius"])
    assert reached.mean() > 0.5
    assert (columns["radius"][reached] >= columns["certified_radius"][reached]).all()
    for epsilon in points(found, "A"):
        at = {name: (points(found, name)[epsilon], points(found, f"{name}_certified")[epsilon]) for name in NAMES}
        assert at["A"][1].count <= at["A"][0].count
        for name in ("F", "R_adv_plus", "R_hyp_minus"):
            assert at[name][1].count >= at[name][0].count
        assert all(one.of == other.of for one, other in at.values())
        if epsilon > 0:
            bounds = certified(measured.flags, 2 * epsilon / 0.4) if epsilon <= 0.01 else {}
            for name, share in bounds.items():
                if name != "R_sta_minus_certified":
                    assert points(found, name)[epsilon] == share
    numbers = {name.replace(f"_{norm}", ""): number.value for name, number in found.numbers.items()}
    assert list(numbers) == [
        *("hypocritical_radius", "adversarial_radius"),
        *("hypocritical_radius_certified", "adversarial_radius_certified"),
    ]
    wrong = ~flags.correct
    assert numbers["hypocritical_radius_certified"] == np.median(columns["certified_radius"][wrong])


def test_a_radius_below_what_is_certified_fails_with_its_example() -> None:
    """The model is a hundred times as steep as it says."""
    weight = 100 * torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    model = Normalised(linear_model(weight), [0.5], [0.5])
    images = torch.tensor([[[[140, 0]]], [[[100, 0]]]], dtype=torch.uint8)
    measured = subject(model, Split(images, torch.tensor([1, 1])), 255, Linf(1e-6), PGD, classes=2)
    measured = replace(measured, arch=LinfDistNet())
    flags = replace(measured.flags, example=np.array([41, 17]))
    with pytest.raises(
        CertificateError, match=r"^2 examples were reached nearer than certified, first 41, at 0\.0"
    ):
        Radius().measure(replace(measured, flags=flags))


def test_only_those_that_were_reached_nearer_are_counted() -> None:
    example, correct = np.array([7, 8, 9]), np.array([True, False, False])
    looked_at, bound = np.ones(3, bool), np.array([0.1, 0.2, 0.3])
    assert Radii(example, correct, looked_at, np.array([0.1, 0.3, np.inf]), bound).found[0] == 0.1
    with pytest.raises(CertificateError, match=r"^1 examples .* first 8, at 0\.19 within 0\.2$"):
        Radii(example, correct, looked_at, np.array([0.1, 0.19, np.inf]), bound)


def test_a_certified_radius_is_where_the_certificate_ends() -> None:
    margin = np.array([0.5, -2.0, 1e-3], np.float32)
    for radius, each in zip(certified_radii(margin, 0.3), np.abs(margin), strict=True):
        for epsilon, holds in ((radius * (1 - 1e-6), True), (radius * (1 + 1e-6), False)):
            allowed = 2 * epsilon / 0.3
            assert (each > allowed + 1e-5 * (allowed + each)) == holds
