"""Optimizers and schedules."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from hypo.architectures.linf_dist_net import LinfDistNet
from hypo.settings.errors import InputError
from hypo.training.recipe import Recipe


def rates(recipe: Recipe, steps_per_epoch: int) -> list[float]:
    """The learning rate of each step."""
    optimizer = recipe.build_optimizer(nn.Linear(1, 1))
    scheduler = recipe.build_scheduler(optimizer, steps_per_epoch)
    found = []
    for _ in range(recipe.epochs * steps_per_epoch):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_the_cosine_goes_from_its_milestone_to_nothing() -> None:
    recipe = Recipe(4, 10, "sgd", 0.5, schedule="cosine", milestones=(2,))
    found = rates(recipe, steps_per_epoch=5)
    assert found[:11] == [0.5] * 11
    assert found[15] == pytest.approx(0.25)
    assert found[19] == pytest.approx(0.25 * (1 + math.cos(0.9 * math.pi)))


@pytest.mark.parametrize("milestones", [(), (1, 2), (4,)])
def test_the_cosine_takes_one_milestone(milestones: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"^milestones: takes the one epoch from which the cosine"):
        Recipe(4, 10, "sgd", 0.5, schedule="cosine", milestones=milestones)


def test_adam_for_distances_decays_weights_of_layers_and_nothing_else() -> None:
    network = LinfDistNet(hidden=(4,)).build((1, 2, 2), 3)
    recipe = Recipe(1, 1, "lp_adam", 0.1, weight_decay=0.5)
    optimizer = recipe.build_optimizer(network)
    assert optimizer.defaults["betas"] == (0.9, 0.99)
    assert optimizer.defaults["eps"] == 1e-10
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer.step()
    for name, value in network.named_parameters():
        if name.endswith("bias"):
            assert torch.equal(value, before[name])
        else:
            assert (value.abs() <= before[name].abs()).all()
            assert value.abs().sum() < before[name].abs().sum()
