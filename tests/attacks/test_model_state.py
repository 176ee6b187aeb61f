"""A model is attacked in `eval()` mode and left as it was found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from small_attacks import random_generator
from small_models import batch_norm_net, goals
from torch import Tensor

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import best
from hypo.attacks.threat_models.linf import Linf


@pytest.mark.parametrize("search", [ProjectedGradient.last, best])
@pytest.mark.parametrize("goal_name", ["adversarial", "hypocritical"])
def test_the_model_is_left_as_it_was_found(search: Callable[..., Tensor], goal_name: str) -> None:
    model = batch_norm_net()
    model.train()
    model[1].eval()  # someone fixed the batch-norm statistics
    model[0].bias.requires_grad_(False)  # and froze a parameter
    model[5].weight.grad = torch.ones_like(model[5].weight)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.rand(6, 1, 8, 8, generator=random_generator())
    goal: Goal = goals(torch.arange(6) % 4)[goal_name]
    attack = ProjectedGradient(steps=2)
    search(attack, model, images, goal, Linf(0.1), random_generator())
    assert [module.training for module in model] == [True, False, True, True, True, True]
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["0.bias"]
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["5.weight"]
    assert torch.equal(model[5].weight.grad, torch.ones_like(model[5].weight))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_attack_sees_the_model_in_eval_mode() -> None:
    """With batch-norm at its running statistics and without dropout, train and eval mode give the same attack."""
    images = torch.rand(6, 1, 8, 8, generator=random_generator())
    model, attack = batch_norm_net(), ProjectedGradient(steps=3)
    goal = Adversarial(torch.arange(6) % 4)
    found = [
        best(attack, model.train(mode), images, goal, Linf(0.1), random_generator()) for mode in (True, False)
    ]
    assert torch.equal(*found)


def test_the_model_is_restored_when_the_attack_fails() -> None:
    model = batch_norm_net().train()
    goal = Adversarial(torch.full((2,), 99))  # no such class
    with pytest.raises((IndexError, RuntimeError)):
        ProjectedGradient().last(model, torch.rand(2, 1, 8, 8), goal, Linf(0.1), random_generator())
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
