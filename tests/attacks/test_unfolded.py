"""Batch-norm that is not folded: where what comes of it could be another thing, or somebody would notice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from folded_models import Aside, computing_otherwise, images_for, prepared
from torch import Tensor, nn

from hypo.attacks.folded import folded


class Shared(Aside):
    """A norm that follows two convolutions, and one of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.convolution(images)) + self.norm(self.other(images))


class Deciding(Aside):
    """What comes after the convolution hangs on what it gives."""

    def forward(self, images: Tensor) -> Tensor:
        features = self.convolution(images)
        return self.norm(features) if features.mean() > -100 else features


class Reading(Aside):
    """The convolution's weights are used beside its call."""

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.convolution(images)) + self.convolution.forward(images)


class Own(nn.BatchNorm2d):
    """A norm of a class of its own, which may compute anything."""


def _in_train_mode(network: nn.Sequential) -> nn.Sequential:
    network[1].train()
    return network


UNPROVEN: dict[str, Callable[[], nn.Module]] = {
    "the convolution's result has another use": Aside,
    "a norm after two convolutions": Shared,
    "calls that depend on the images": Deciding,
    "weights read beside the call": Reading,
    "no running statistics": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)
    ),
    "something in between": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)),
    "a class of its own": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Own(4)),
    "a norm before the convolution": lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)),
    "TorchScript": lambda: torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))),
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")
@pytest.mark.parametrize("why", UNPROVEN)
def test_what_is_not_proven_stays_as_it_is_bit_by_bit(why: str) -> None:
    network = prepared(UNPROVEN[why]())
    images = images_for(8)
    expected, before = network(images), computing_otherwise(network)
    with folded(network):
        assert computing_otherwise(network) == before
        assert torch.equal(network(images), expected)


def test_a_norm_in_train_mode_is_not_folded() -> None:
    network = prepared(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    network[1].train()
    with folded(network):
        assert not computing_otherwise(network)


def test_who_listens_in_hears_what_the_model_computes() -> None:
    network = prepared(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    heard: list[Tensor] = []
    hook = network[0].register_forward_hook(lambda module, inputs, output: heard.append(output))
    images = images_for(8)
    with folded(network):
        network(images)
    hook.remove()
    assert torch.equal(heard[0], network[0](images))
    counted: list[int] = []
    network.register_forward_hook(lambda module, inputs, output: counted.append(len(output)))
    with folded(network):  # a hook of the whole model may stay
        assert computing_otherwise(network) == ["0", "1"]
        network(images)
    assert counted == [4]


def test_who_listens_to_all_modules_hears_what_the_model_computes() -> None:
    network = prepared(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    heard: list[Tensor] = []
    hook = nn.modules.module.register_module_forward_hook(lambda module, inputs, output: heard.append(output))
    try:
        with folded(network):
            network(images_for(8))
        assert torch.equal(heard[0], network[0](images_for(8)))
    finally:
        hook.remove()
