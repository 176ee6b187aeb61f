"""What networks are read as, and which are refused, in a line that names the layer."""

from __future__ import annotations

import pytest
import torch
from small_nets import NETS, net
from torch import nn

from hypo.architectures.lenet import Lenet
from hypo.architectures.linf_dist_net import LinfDistNet
from hypo.architectures.mlp import Mlp
from hypo.architectures.resnet18 import Resnet18
from hypo.architectures.small_cnn import SmallCnn
from hypo.architectures.vgg16 import Vgg16
from hypo.certificates.maximum import Maximum
from hypo.certificates.network import stages
from hypo.settings.errors import InputError


@pytest.mark.parametrize("name", NETS)
def test_a_network_is_read_as_what_it_computes(name: str) -> None:
    model, shape = net(name)
    images = torch.rand(5, *shape)
    values = images
    for stage in stages(model, shape):
        if stage.maximum is not None:
            values, same = stage.maximum.interval(values, values)
            assert torch.equal(values, same)
        for layer, before in zip(stage.layers, stage.shapes[-1 - len(stage.layers) :], strict=False):
            assert tuple(values.shape[1:]) == before
            values = layer.forward(values)
        assert tuple(values.shape[1:]) == stage.shapes[-1]
    torch.testing.assert_close(values.flatten(1), model(images), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("arch", "shape"),
    [
        (Mlp(), (1, 8, 8)),
        (Mlp((5, 6, 7), "first"), (3, 4, 4)),
        (Lenet(2), (1, 28, 28)),
        (SmallCnn(), (3, 11, 9)),
        (Vgg16(width=1), (3, 32, 32)),
    ],
)
def test_these_architectures_can_be_bounded(
    arch: Mlp | Lenet | SmallCnn | Vgg16, shape: tuple[int, int, int]
) -> None:
    with torch.device("meta"):
        assert stages(arch.build(shape, 10), shape)[-1].shapes[-1] == (10, 1, 1)


def test_a_relu_and_a_max_pooling_are_one_step_in_either_order() -> None:
    whole = Maximum((2, 2), (2, 2), (0, 0), rectified=True)
    for between in (
        [nn.ReLU(), nn.MaxPool2d(2)],
        [nn.MaxPool2d(2), nn.ReLU()],
        [nn.ReLU(), nn.MaxPool2d(2), nn.ReLU()],
    ):
        network = nn.Sequential(nn.Conv2d(1, 1, 1), *between, nn.Flatten(), nn.Linear(4, 2))
        assert [stage.maximum for stage in stages(network, (1, 4, 4))] == [None, whole]


class Halved(nn.Linear):
    """A layer that does something else than the one that it is made of."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return super().forward(values) / 2


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (Resnet18(width=2).build((1, 8, 8), 3), "BasicBlock"),
        (LinfDistNet((4,)).build((1, 8, 8), 3), "LinfDistLayer"),
        (nn.Sequential(nn.Flatten(), Halved(64, 3)), "Halved"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Sigmoid()), "Sigmoid"),
        (nn.Sequential(nn.Linear(8, 3)), "Linear on what is not flattened"),
        (nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")), "padding_mode='circular'"),
        (nn.Sequential(nn.Conv2d(1, 1, 3, padding="same")), "padding='same'"),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(3, ceil_mode=True)), "MaxPool2d with ceil_mode"),
        (
            nn.Sequential(nn.Conv2d(1, 1, 1), nn.AvgPool2d(3, padding=1, count_include_pad=False)),
            "count_include_pad",
        ),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.AdaptiveAvgPool2d(3)), "AdaptiveAvgPool2d whose parts"),
        (nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, track_running_stats=False)), "BatchNorm2d without"),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(2)), "Flatten of some dimensions"),
    ],
)
def test_other_layers_are_refused_by_name(network: nn.Module, named: str) -> None:
    with pytest.raises(InputError, match=r"^bounds networks that are a Sequential of Linear, Conv2d, ") as refused:
        stages(network, (1, 8, 8))
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
