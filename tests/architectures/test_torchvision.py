"""Torchvision's classifiers: their sizes and stems, and what they are refused for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from architecture_cases import CLASSES
from torch import Tensor, nn
from torchvision import models

from hypo.architectures.torchvision import Torchvision
from hypo.settings.components import build
from hypo.settings.errors import InputError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CIFAR10 = (3, 32, 32)


def on_meta(arch: Torchvision, shape: tuple[int, int, int] = CIFAR10, classes: int = CLASSES) -> nn.Module:
    with torch.device("meta"):
        return arch.build(shape, classes)


def of(images: int, shape: tuple[int, int, int] = CIFAR10) -> Tensor:
    return torch.rand(images, *shape, generator=torch.Generator().manual_seed(2))


# As they are initialised


@pytest.mark.parametrize("name", ["vgg11", "vgg19", "resnet50", "resnet152", "densenet121", "inception_v3"])
def test_a_network_has_the_parameters_that_torchvision_publishes(name: str) -> None:
    network = on_meta(Torchvision(name), (3, 224, 224), 1000)
    published = models.get_model_weights(name).DEFAULT.meta["num_params"]
    auxiliary = 768 * 128 + 2 * 128 + 128 * 768 * 25 + 2 * 768 + 768 * 1000 + 1000
    auxiliary = auxiliary if name == "inception_v3" else 0
    assert sum(parameter.numel() for parameter in network.parameters()) == published - auxiliary


@pytest.mark.parametrize(
    "arch",
    [
        Torchvision("vgg16"),
        Torchvision("inception_v3", resize=75),
        Torchvision("resnet18", stem="small"),
        Torchvision("densenet121", stem="small"),
        Torchvision("resnet50", stem="small"),
        Torchvision("googlenet"),
    ],
    ids=lambda arch: arch.name,
)
@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_the_networks_of_ilyas_et_al_take_cifar10_and_give_main_logits_only(arch: Torchvision, mode: bool) -> None:
    """Their Figure 3, and one more that has auxiliary logits."""
    network = on_meta(arch).train(mode)
    assert network(torch.empty(4, *CIFAR10, device="meta")).shape == (4, CLASSES)


def test_a_small_stem_leaves_the_blocks_the_whole_image() -> None:
    sizes: dict[str, tuple[int, ...]] = {}
    for name, block in (("resnet18", "layer1"), ("densenet121", "features.denseblock1")):
        for stem in ("small", "imagenet"):
            network = on_meta(Torchvision(name, stem=stem)).get_submodule("network")  # type: ignore[arg-type]
            network.get_submodule(block).register_forward_pre_hook(
                lambda _, inputs, at=name + stem: sizes.update({at: tuple(inputs[0].shape[2:])})
            )
            network.eval()(torch.empty(1, *CIFAR10, device="meta"))
    assert sizes == {
        "resnet18small": (32, 32),
        "resnet18imagenet": (8, 8),
        "densenet121small": (32, 32),
        "densenet121imagenet": (8, 8),
    }


def test_it_is_torchvisions_own_network_bit_by_bit() -> None:
    torch.manual_seed(5)
    expected = models.get_model("squeezenet1_1", num_classes=CLASSES).eval()
    torch.manual_seed(5)
    found = Torchvision("squeezenet1_1").build(CIFAR10, CLASSES).eval()
    assert torch.equal(found(of(2)), expected(of(2)))


def test_grey_images_are_three_equal_channels_and_may_be_resized() -> None:
    grey = of(2, (1, 8, 8))
    torch.manual_seed(0)
    resized = Torchvision("squeezenet1_1", resize=32).build((1, 8, 8), CLASSES).eval()
    torch.manual_seed(0)
    plain = Torchvision("squeezenet1_1").build(CIFAR10, CLASSES).eval()
    larger = nn.functional.interpolate(grey.expand(-1, 3, -1, -1), size=(32, 32), mode="bilinear")
    assert torch.equal(resized(grey), plain(larger))


# What is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"name": "resnet5O"},
            "arch.name: takes the name of a classifier of torchvision, such as resnet50, resnet152, resnet34,"
            " got 'resnet5O'",
        ),
        (
            {"name": "resnet18", "weights": "V1"},
            "arch.weights: takes null, DEFAULT or one of IMAGENET1K_V1, got 'V1' for resnet18",
        ),
        (
            {"name": "resnet18", "weights": "DEFAULT", "stem": "small"},
            "arch.stem: takes imagenet where there are weights, which are for no other, got small",
        ),
        ({"name": "resnet18", "stem": "tiny"}, "arch.stem: takes one of imagenet, small, got 'tiny'"),
        ({"name": "resnet18", "resize": 0}, "arch.resize: takes a whole number >= 1, got 0"),
    ],
)
def test_settings_of_no_network(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        build({"_target_": "hypo.architectures.torchvision.Torchvision", **settings}, "arch")
    assert str(caught.value) == message


def test_a_name_like_no_other_is_told_all_there_are() -> None:
    with pytest.raises(InputError, match=r"^name: .*, such as alexnet, .*, vgg11, .*, got 'foo'\Z"):
        Torchvision("foo")


@pytest.mark.parametrize(
    ("arch", "shape", "message"),
    [
        (
            Torchvision("vgg16", stem="small"),
            CIFAR10,
            r"arch.stem: small is what ResNets and DenseNets have, got vgg16",
        ),
        (
            Torchvision("inception_v3"),
            CIFAR10,
            r"arch.resize: inception_v3 takes larger images, .*, got 32x32 \(.*\)",
        ),
        (
            Torchvision("vit_b_16"),
            CIFAR10,
            r"arch.resize: vit_b_16 takes larger images, .*, got 32x32 \(.*224.*\)",
        ),
        (
            Torchvision("resnet18"),
            (2, 8, 8),
            r"arch: resnet18 takes images of three channels, or of one, got 2",
        ),
        (
            Torchvision("resnet18", "DEFAULT"),
            CIFAR10,
            r"arch.weights: IMAGENET1K_V1 of resnet18 know 1000 classes, the data set has 10",
        ),
    ],
)
def test_images_and_classes_that_do_not_fit(arch: Torchvision, shape: Any, message: str) -> None:
    with pytest.raises(InputError, match=rf"\A{message}\Z"):
        on_meta(arch, shape)
