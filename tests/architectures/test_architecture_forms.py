"""Architectures in their published forms: sizes, initialisations, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from architecture_cases import CASES, CLASSES, Case, build, images
from torch import nn

from hypo.architectures.lenet import Lenet
from hypo.architectures.linf_dist_net import LinfDistNet
from hypo.architectures.mlp import Mlp
from hypo.architectures.resnet18 import Resnet18
from hypo.architectures.small_cnn import SmallCnn
from hypo.architectures.vgg16 import Vgg16
from hypo.architectures.wide_resnet import WideResnet
from hypo.settings.errors import InputError

# Counts that are published, or follow from the published layers: at the sizes of the papers.
PUBLISHED = {
    "mlp of the paper": Case(Mlp((3072,) * 2), (3, 32, 32), 2 * (3072 * 3072 + 3072) + 30_730),
    "mlp of the code": Case(Mlp((3072,) * 3, "first"), (3, 32, 32), 3 * (3072 * 3072 + 3072) + 30_730),
    "vgg16": Case(Vgg16(), (3, 32, 32), 14_728_266),
    "vgg16 64x64": Case(Vgg16(), (3, 64, 64), 14_728_266),
    "wrn-28-10": Case(WideResnet(), (3, 32, 32), 36_479_194),
    "linf-dist net": Case(LinfDistNet(), (3, 32, 32), 120_637_450),
    "resnet18": Case(Resnet18(), (3, 32, 32), 11_173_962),
    "resnet18 64x64": Case(Resnet18(), (3, 64, 64), 11_173_962),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_number_of_parameters_at_the_published_size(name):
    with torch.device("meta"):
        network = build(PUBLISHED[name])
        assert network(torch.empty(2, *PUBLISHED[name].shape)).shape == (2, CLASSES)
    assert sum(parameter.numel() for parameter in network.parameters()) == PUBLISHED[name].parameters


@pytest.mark.parametrize(("classes", "parameters"), [(100, 11_220_132), (200, 11_271_432)])
def test_number_of_parameters_with_more_classes(classes, parameters):
    with torch.device("meta"):
        network = Resnet18().build((3, 64, 64), classes)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_in_the_authors_form_the_mlp_has_one_relu():
    kinds = [type(layer).__name__ for layer in Mlp((4, 4, 4), "first").build((1, 2, 2), 3)]
    assert kinds == ["Flatten", "Linear", "ReLU", "Linear", "Linear", "Linear"]


@pytest.mark.parametrize("architecture", [Resnet18(), Vgg16(), WideResnet(10, 8)])
def test_convolutions_start_as_he_et_al(architecture):
    torch.manual_seed(0)
    network = architecture.build((3, 32, 32), CLASSES)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert module.bias is None or not module.bias.any()
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.06)
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()


def test_resnet18_halves_the_image_three_times():
    sizes = []
    network = build(CASES["resnet18-cifar10"])
    for module in network:
        module.register_forward_hook(lambda _module, _inputs, output: sizes.append(tuple(output.shape[1:])))
    network.eval()(images(CASES["resnet18-cifar10"], count=1))
    stem, stages = [(64, 32, 32)] * 3, [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
    assert sizes == [*stem, *stages, (512, 1, 1), (512,), (10,)]


def test_lists_from_yaml_become_tuples():
    assert Mlp(hidden=[3, 4]) == Mlp(hidden=(3, 4))
    assert hash(SmallCnn(channels=[3, 4])) == hash(SmallCnn(channels=(3, 4)))


@pytest.mark.parametrize(
    ("architecture", "shape", "message"),
    [
        (
            Lenet(),
            (1, 30, 28),
            "arch: lenet .* heights and widths divisible by 4, such as 28x28, got 30x28; .*",
        ),
        (
            Lenet(),
            (3, 28, 31),
            "arch: lenet .* heights and widths divisible by 4, such as 28x28, got 28x31; .*",
        ),
        (Resnet18(), (3, 7, 32), "arch: resnet18 .* at least 8x8 pixels, got 7x32; .*"),
        (Resnet18(), (3, 32, 4), "arch: resnet18 .* at least 8x8 pixels, got 32x4; .*"),
        (Vgg16(), (3, 31, 32), "arch: vgg16 .* at least 32x32 pixels, got 31x32; .*"),
        (WideResnet(), (3, 32, 3), "arch: wide_resnet .* at least 4x4 pixels, got 32x3; .*"),
        (SmallCnn(), (1, 3, 8), "arch: small_cnn .* at least 4x4 pixels, got 3x8; .*arch.channels.*"),
        (
            SmallCnn((8,) * 4),
            (1, 8, 8),
            "arch: small_cnn .* at least 16x16 pixels, got 8x8; .*arch.channels.*",
        ),
    ],
)
def test_shapes_that_do_not_fit(architecture, shape, message):
    # `.` matches no newline, so a match of the whole is one line.
    with pytest.raises(InputError, match=rf"\A{message}\Z"):
        architecture.build(shape, CLASSES)


@pytest.mark.parametrize(
    ("construct", "message"),
    [
        (lambda: Mlp(hidden=(8, 0)), "hidden: takes a whole number >= 1, got 0"),
        (lambda: Mlp(hidden=(2.5,)), "hidden: takes a whole number >= 1, got 2.5"),
        (lambda: SmallCnn(channels=(-1,)), "channels: takes a whole number >= 1, got -1"),
        (lambda: SmallCnn(hidden=0), "hidden: takes a whole number >= 1, got 0"),
        (lambda: Lenet(width=0), "width: takes a whole number >= 1, got 0"),
        (lambda: Resnet18(width=0), "width: takes a whole number >= 1, got 0"),
        (lambda: Vgg16(width=0), "width: takes a whole number >= 1, got 0"),
        (lambda: WideResnet(width=0), "width: takes a whole number >= 1, got 0"),
        (lambda: WideResnet(depth=29), r"depth: takes 6n \+ 4, such as 10, 16 or 28, got 29"),
        (lambda: Mlp(relu="none"), "relu: takes one of every, first, got 'none'"),
    ],
)
def test_sizes_that_make_no_network(construct, message):
    with pytest.raises(InputError, match=rf"\A{message}\Z"):
        construct()


def linear_layers(network):
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


@pytest.mark.parametrize(
    ("architecture", "fan"),
    [
        (Resnet18(8, "authors_code"), "out"),
        (Vgg16(8, "authors_code"), "out"),
        (WideResnet(10, 2, "authors_code"), "in"),
    ],
    ids=["resnet18", "vgg16", "wide_resnet"],
)
def test_in_the_authors_form_biases_begin_at_zero_and_a_wide_resnet_by_fan_in(architecture, fan):
    torch.manual_seed(0)
    network = architecture.build((3, 32, 32), 10)
    assert all(not layer.bias.any() for layer in linear_layers(network))
    assert all(layer.weight.std() > 0 for layer in linear_layers(network))
    widening = [c for c in network.modules() if isinstance(c, nn.Conv2d) and c.out_channels == 2 * c.in_channels]
    assert widening
    for layer in widening:
        channels = layer.out_channels if fan == "out" else layer.in_channels
        expected = math.sqrt(2 / (channels * layer.kernel_size[0] ** 2))
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.15)


def test_in_the_papers_form_biases_are_those_of_pytorch():
    torch.manual_seed(0)
    (layer,) = linear_layers(Resnet18(8).build((3, 32, 32), 10))
    assert 0 < layer.bias.abs().max() <= 1 / math.sqrt(layer.in_features)
