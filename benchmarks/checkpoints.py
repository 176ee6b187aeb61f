"""The models that evaluation is measured on: trained here and now, on real data that is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from hypo.architectures.mlp import Mlp
from hypo.architectures.normalised import Architecture, Normalised
from hypo.architectures.resnet18 import Resnet18
from hypo.architectures.small_cnn import SmallCnn
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.digits import Digits
from hypo.datasets.images import ImageData
from hypo.defenses.defense import Defense
from hypo.defenses.pgd_at import PgdAt
from hypo.defenses.standard import Standard
from hypo.defenses.trades import Trades
from hypo.training.loop import train
from hypo.training.recipe import Recipe


@dataclass(frozen=True)
class Setting:
    """What is trained, on what, against what.

    Attributes:
        name: says all of it in a few words.
        robust: whether the model is trained against the ball of radius `epsilon`.
        examples: how many test examples are attacked unless asked otherwise; None means all.
        ball: of which norm.
    """

    name: str
    data: ImageData
    arch: Architecture
    defense: Defense
    robust: bool
    epsilon: float
    recipe: Recipe
    examples: int | None = None
    ball: type[Linf] | type[L2] = Linf

    def train(self, device: torch.device, seed: int) -> nn.Module:
        """The trained model, channels-last as in an experiment."""
        model = build(self.arch, self.data, seed).to(device)
        train(
            model,
            self.data.train.to(device),
            self.data.maximum,
            self.defense,
            self.ball(self.epsilon),
            self.recipe,
            seed,
        )
        return model.eval()


def build(arch: Architecture, data: ImageData, seed: int) -> nn.Module:
    """A freshly initialised model for `data`, laid out as `hypo.jobs.experiment` does."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = arch.build(data.shape, len(data.classes))
    return Normalised(network, data.mean, data.std).to(memory_format=torch.channels_last)


def settings(folder: ImageData | None, quick: bool) -> Iterator[Setting]:
    """All that is measured: the digits, and where there is an image folder a narrow ResNet-18 on it."""
    digits = Digits().load()
    recipe = Recipe(
        epochs=5 if quick else 40, batch=60, optimizer="adam", learning_rate=0.002, schedule="one_cycle"
    )
    trades = Trades(5.0, ProjectedGradient(steps=5, relative_step=0.4))
    archs: dict[str, Architecture] = {"mlp": Mlp()} if quick else {"mlp": Mlp(), "small_cnn": SmallCnn()}
    for epsilon in (0.2,) if quick else (0.1, 0.2):
        for name, arch in archs.items():
            title = f"digits, {name}, ε = {epsilon}"
            yield Setting(f"{title}, standard", digits, arch, Standard(), False, epsilon, recipe)
            yield Setting(f"{title}, trades λ = 5", digits, arch, trades, True, epsilon, recipe)
    if folder is not None:
        yield from _resnet18(folder, quick)


def _resnet18(folder: ImageData, quick: bool) -> Iterator[Setting]:
    """Few images and epochs: the models need not be good, only as hard to attack as such models are."""
    recipe = Recipe(
        epochs=1 if quick else 6,
        batch=100,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=5e-4,
        schedule="one_cycle",
        flip=True,
        train_limit=200 if quick else 5_000,
    )
    width, examples, epsilon = 4 if quick else 16, 20 if quick else 200, 8 / 255
    title = f"image folder, resnet18 of width {width}, ε = 8/255"
    robust = PgdAt(ProjectedGradient(steps=2, relative_step=0.75))
    for name, defense in (("standard", Standard()), ("pgd_at", robust)):
        yield Setting(
            f"{title}, {name}",
            folder,
            Resnet18(width),
            defense,
            defense is robust,
            epsilon,
            recipe,
            examples,
        )
