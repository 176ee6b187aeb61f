"""Models and data small enough to know everything about, for tests in several folders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split, split_from_rows
from hypo.defenses.defense import Loss
from hypo.defenses.standard import Standard
from hypo.jobs.experiment import Experiment
from hypo.measurements.evaluation import Evaluation
from hypo.training.loop import train
from hypo.training.recipe import Recipe
from hypo.training_data.poisoning import Crafter, Poisoning
from hypo.training_data.quality import Quality


def linear_model(weight: Tensor, bias: Tensor | None = None) -> nn.Module:
    """Logits `weight`·x + `bias`; weight: (classes, pixels)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.zeros(len(weight)) if bias is None else bias)
    return nn.Sequential(nn.Flatten(), layer)


class InDouble(nn.Module):
    """`model` computed in float64, so that no rounding depends on the batch; images and gradients stay float32."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images.double()).float()


def batch_norm_net(classes: int = 4) -> nn.Module:
    """A convolution with batch-norm and dropout, whose result depends on the mode that it is in."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(6 * 64, classes),
    )


def quickly_trained(network: nn.Module, data: ImageData, epochs: int) -> nn.Module:
    """`network` after a few epochs, with some mistakes left to hide; in `eval()` mode."""
    recipe = Recipe(epochs=epochs, batch=60, optimizer="adam", learning_rate=0.002)
    train(network, data.train, data.maximum, Standard(), Linf(0.1), recipe, seed=0)
    return network.eval()


@dataclass(frozen=True)
class Stripes:
    """Noisy 8×8 images of `classes` kinds of stripes: read from no file, and learnt in a few steps.

    Attributes:
        train, test: how many images.
        noise: of every pixel, of 255; the more, the more mistakes.
    """

    train: int = 90
    test: int = 60
    classes: int = 4
    noise: int = 120

    def load(self) -> ImageData:
        random = np.random.RandomState(0)
        labels = random.randint(self.classes, size=self.train + self.test)
        phase = np.arange(8)[None, :, None] * (labels[:, None, None] + 1) + np.arange(8)[None, None, :]
        clean = 127 + 60 * np.sin(2 * np.pi * phase / 8)
        rows = np.clip(clean + random.normal(0, self.noise, clean.shape), 0, 255).astype(np.uint8)[..., None]

        def split(part: slice) -> Split:
            return split_from_rows(rows[part], labels[part])

        return ImageData(
            train=split(slice(self.train)),
            test=split(slice(self.train, None)),
            classes=tuple(map(str, range(self.classes))),
            maximum=255,
            mean=(0.5,),
            std=(0.25,),
        )


@dataclass(frozen=True)
class ConvolutionBatchNorm:
    """A network with batch-norm, whose running statistics a resumed run has to bring back too."""

    width: int = 4

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        channels, height, width = shape
        return nn.Sequential(
            nn.Conv2d(channels, self.width, 3, padding=1),
            nn.BatchNorm2d(self.width),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(self.width * height * width, classes),
        )


@dataclass(frozen=True)
class Exploding:
    """A defense whose loss is infinite from the start."""

    lambda_: float = 7.0

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, threat_model: ThreatModel, random: torch.Generator
    ) -> Loss:
        logits = model(images)
        return Loss(logits.sum() * float("inf"), logits)


def small_recipe(**changes: object) -> Recipe:
    """Three epochs on `Stripes`."""
    settings = {"epochs": 3, "batch": 20, "optimizer": "sgd", "learning_rate": 0.05}
    return Recipe(**{**settings, **changes})  # type: ignore[arg-type]


def small_poisoning(**changes: object) -> Poisoning:
    """Poisons crafted on the network of `small_experiment`, as it is trained there."""
    return Poisoning(**{"crafter": Crafter(ConvolutionBatchNorm(), 0.05), **changes})  # type: ignore[arg-type]


def small_experiment(defense: object, **changes: object) -> Experiment:
    """A whole experiment that takes a fraction of a second."""
    settings = {
        "dataset": Stripes(),
        "training_data": Quality(),
        "arch": ConvolutionBatchNorm(),
        "defense": defense,
        "threat_model": Linf(0.05),
        "recipe": small_recipe(schedule="milestones", milestones=(2,), crop_padding=1, flip=True),
        "evaluation": Evaluation(ProjectedGradient(steps=6)),
        "device": "cpu",
    }
    return Experiment(**{**settings, **changes})  # type: ignore[arg-type]


def goals(labels: Tensor) -> dict[str, Goal]:
    """The two goals of the verification risks."""
    return {"adversarial": Adversarial(labels), "hypocritical": Hypocritical(labels)}
