"""Random networks of every layer that can be bounded, and every way to look for a point that breaks a bound."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from hypo.architectures.normalised import Normalised
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.certificates.ball import Ball
from hypo.certificates.bounds import Bounded, Method
from hypo.certificates.network import stages

CLASSES = 4

NETS: dict[str, tuple[tuple[int, int, int], Sequence[nn.Module]]] = {
    "linear": ((2, 3, 4), [nn.Flatten(), nn.Linear(24, CLASSES)]),
    "mlp": (
        (1, 4, 4),
        [nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, CLASSES)],
    ),
    "no relu between": (
        (1, 4, 4),
        [nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 9), nn.Linear(9, 7), nn.Linear(7, CLASSES)],
    ),
    "lenet": (
        (1, 8, 8),
        [
            *(nn.Conv2d(1, 3, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, CLASSES)),
        ],
    ),
    "strided": (
        (3, 7, 9),
        [
            *(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
            *(nn.Conv2d(4, 6, (2, 3), padding=(0, 1), bias=False, groups=2), nn.ReLU()),
            *(nn.Flatten(), nn.BatchNorm1d(6 * 3 * 5), nn.Dropout(0.5), nn.Linear(6 * 3 * 5, CLASSES)),
        ],
    ),
    "convolutions in a row": (
        (2, 6, 6),
        [
            *(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
            *(nn.Conv2d(4, 4, 3, padding=2, dilation=2), nn.ReLU(), nn.Flatten(), nn.Linear(144, CLASSES)),
        ],
    ),
    "pooled": (
        (2, 8, 8),
        [
            *(nn.Conv2d(2, 4, 3, padding=1), nn.MaxPool2d(3, stride=2, padding=1), nn.Identity(), nn.ReLU()),
            *(nn.AvgPool2d(2, stride=1, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.MaxPool2d(2)),
            *(nn.MaxPool2d(2, stride=1), nn.Dropout2d(0.5), nn.AdaptiveAvgPool2d(1)),
            *(nn.Flatten(), nn.Linear(4, CLASSES)),
        ],
    ),
    "averaged": (
        (1, 6, 8),
        [
            *(nn.AvgPool2d(2), nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 2))),
            *(nn.Sequential(nn.Flatten(), nn.Linear(8, 6)), nn.ReLU(), nn.Linear(6, CLASSES)),
        ],
    ),
}


def net(name: str, seed: int = 0) -> tuple[nn.Module, tuple[int, int, int]]:
    """A network on images that it normalises, and their shape; running statistics are not those of the start."""
    shape, layers = NETS[name]
    torch.manual_seed(seed)
    network = nn.Sequential(*deepcopy(layers))
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.reset_parameters()
    channels = shape[0]
    model = Normalised(
        network, [0.3 + 0.1 * at for at in range(channels)], [0.2 + 0.1 * at for at in range(channels)]
    )
    model.train()
    with torch.no_grad():
        model(torch.rand(32, *shape))
    return model.eval(), shape


def differences(logits: Tensor, label: Tensor) -> Tensor:
    """(batch, CLASSES) by how much each example's label leads each of the classes."""
    return logits.gather(1, label[:, None]) - logits


def bounds(model: nn.Module, images: Tensor, label: Tensor, ball: Linf | L2, method: Method) -> Tensor:
    """Lower bounds of the `differences`."""
    bounded = Bounded.on(Ball.around(images, ball), stages(model, tuple(images.shape[1:])), method)  # type: ignore[arg-type]
    unit = torch.eye(CLASSES, dtype=images.dtype)
    return bounded.least(unit[label][:, None] - unit)


def least_found(model: nn.Module, images: Tensor, label: Tensor, ball: Linf | L2) -> Tensor:
    """The smallest differences at random points, at corners, and where descent on each difference leads."""
    smallest = differences(model(images), label).detach()
    generator = torch.Generator().manual_seed(1)
    for number in range(CLASSES * 6):
        noise = torch.randn(images.shape, generator=generator, dtype=images.dtype)
        start = ball.direction(noise) * ball.epsilon if number % 2 else ball.uniform(noise)
        points = ball.project(images + start, images)
        for step in range(8):
            points = points.detach().requires_grad_()
            found = differences(model(points), label)
            (gradient,) = torch.autograd.grad(found[:, number % CLASSES].sum(), points)
            smallest = smallest.minimum(found.detach())
            moved = points.detach() - ball.direction(gradient) * ball.epsilon * (1.0 if step % 2 else 0.4)
            points = ball.project(moved, images)
        smallest = smallest.minimum(differences(model(points), label).detach())
    return smallest
