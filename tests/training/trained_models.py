"""Small trainings with every recipe and defense, and what they leave."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from small_models import ConvolutionBatchNorm, small_recipe
from torch import Tensor, nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.defenses.defense import Defense
from hypo.defenses.ensemble_at import AmongModels
from hypo.defenses.fgsm_at import FgsmAt
from hypo.defenses.pgd_at import PgdAt
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.defenses.trades import Trades
from hypo.training.loop import Checkpoint, History, train
from hypo.training.recipe import Recipe

ATTACK = ProjectedGradient(steps=2, relative_step=0.5)
THREAT_MODEL = Linf(0.05)

RECIPES = {
    "sgd, milestones, augmentation": small_recipe(
        epochs=4, schedule="milestones", milestones=(1, 3), crop_padding=1, flip=True, weight_decay=5e-4
    ),
    "adam, one cycle": small_recipe(epochs=4, optimizer="adam", learning_rate=0.01, schedule="one_cycle"),
    "adam, constant, part of the data": small_recipe(
        epochs=4, optimizer="adam", learning_rate=0.01, train_limit=70
    ),
}


def held_models() -> tuple[nn.Module, ...]:
    """Two that ensemble adversarial training takes its examples from, beside its own."""
    torch.manual_seed(1)
    return tuple(ConvolutionBatchNorm().build((1, 8, 8), 4).eval() for _ in range(2))


DEFENSES = {
    "standard": Standard(),
    "pgd_at": PgdAt(ATTACK),
    "fgsm_at": FgsmAt(0.5),
    "ensemble_at": AmongModels(held_models(), alpha=0.5, own=True),
    "thrm": Thrm(3.0, ATTACK),
    "trades": Trades(3.0, ATTACK),
}


def fresh_model() -> nn.Module:
    torch.manual_seed(0)
    return ConvolutionBatchNorm().build((1, 8, 8), 4)


def trained(
    data: ImageData, recipe: Recipe, defense: Defense, resume: Checkpoint | None = None, seed: int = 0
) -> tuple[nn.Module, History, list[Checkpoint]]:
    """The model, its history, and what a reader of each epoch's checkpoint gets."""
    model = fresh_model()
    checkpoints: list[Checkpoint] = []
    history = train(
        model,
        data.train,
        data.maximum,
        defense,
        THREAT_MODEL,
        recipe,
        seed,
        resume=resume,
        after_epoch=lambda checkpoint: checkpoints.append(copy.deepcopy(checkpoint)),
    )
    return model, history, checkpoints


def assert_equal(found: Any, expected: Any) -> None:
    """Equal bit by bit, the seconds of a history apart."""
    if isinstance(expected, Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert set(found) == set(expected)
        for key in set(expected) - {"seconds", "images_per_second", "tflops"}:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, float) and math.isnan(expected):
        assert math.isnan(found)
    else:
        assert found == expected
