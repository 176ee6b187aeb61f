"""Architectures on one image shape each, and their numbers of parameters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hypo.architectures.lenet import Lenet
from hypo.architectures.linf_dist_net import LinfDistNet
from hypo.architectures.mlp import Mlp
from hypo.architectures.normalised import Architecture
from hypo.architectures.resnet18 import Resnet18
from hypo.architectures.small_cnn import SmallCnn
from hypo.architectures.torchvision import Torchvision
from hypo.architectures.vgg16 import Vgg16
from hypo.architectures.wide_resnet import WideResnet

CLASSES = 10


@dataclass(frozen=True)
class Case:
    """An architecture on one image shape, and its number of parameters by hand or as published."""

    architecture: Architecture
    shape: tuple[int, int, int]
    parameters: int


CASES = {
    "mlp-digits": Case(Mlp(), (1, 8, 8), 64 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10),
    "mlp-one-relu": Case(Mlp((5, 6, 7), "first"), (1, 2, 2), 25 + 36 + 49 + 80),
    "mlp-linear": Case(Mlp(hidden=()), (3, 5, 4), 60 * 10 + 10),
    "small_cnn-digits": Case(SmallCnn(), (1, 8, 8), 160 + 4640 + 32 * 4 * 64 + 64 + 64 * 10 + 10),
    "small_cnn-odd": Case(SmallCnn(), (3, 11, 9), 448 + 4640 + 32 * 4 * 64 + 64 + 64 * 10 + 10),
    "lenet-mnist": Case(Lenet(), (1, 28, 28), 832 + 51_264 + 3136 * 1024 + 1024 + 1024 * 10 + 10),
    "lenet-oblong": Case(Lenet(), (3, 8, 12), 2432 + 51_264 + 384 * 1024 + 1024 + 1024 * 10 + 10),
    "lenet-narrowest": Case(Lenet(1), (1, 28, 28), 52 + 204 + 196 * 64 + 64 + 64 * 10 + 10),
    "resnet18-cifar10": Case(Resnet18(), (3, 32, 32), 11_173_962),
    "resnet18-narrow": Case(Resnet18(width=8), (1, 13, 8), 88 + 2368 + 8352 + 33_088 + 131_712 + 650),
    "torchvision-small-stem": Case(Torchvision("resnet18", stem="small"), (3, 16, 16), 11_173_962),
    "vgg16-narrow": Case(Vgg16(width=4), (1, 32, 37), 57_756 + 528 + 330),
    "linf_dist_net-digits": Case(LinfDistNet((16, 12)), (1, 8, 8), 64 * 16 + 16 * 12 + 120 + 10),
    "wide_resnet-narrow": Case(WideResnet(10, 1), (3, 8, 9), 432 + 4672 + 14_432 + 57_536 + 128 + 650),
}


def build(case: Case, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return case.architecture.build(case.shape, CLASSES)


def images(case: Case, count: int = 3) -> torch.Tensor:
    return torch.rand(count, *case.shape, generator=torch.Generator().manual_seed(1))
