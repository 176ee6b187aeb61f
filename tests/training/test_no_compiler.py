"""Optimizers that leave the compiler out, and compute what torch's do."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn
from trained_models import assert_equal

from hypo.training.no_compiler import Adam, Sgd

_TRAINING = """
import copy, sys, torch
from hypo.defenses.standard import Standard
from hypo.datasets.digits import Digits
from hypo.architectures.mlp import Mlp
from hypo.attacks.threat_models.linf import Linf
from hypo.training.loop import train
from hypo.training.recipe import Recipe

torch.set_num_threads(1)
data, kept = Digits().load(), []
for optimizer in ("adam", "sgd"):
    recipe = Recipe(epochs=2, batch=60, optimizer=optimizer, learning_rate=0.01, schedule="one_cycle")
    for resume in (None, 0):
        model = Mlp(hidden=(8,)).build(data.shape, 10)
        train(model, data.train, 16, Standard(), Linf(0.1), recipe, 0, resume=None if resume is None else kept[-2],
              after_epoch=lambda checkpoint: kept.append(copy.deepcopy(checkpoint)))
assert len(kept) == 6
assert "torch._dynamo" not in sys.modules
"""


@pytest.mark.slow
def test_a_training_does_without_the_compiler() -> None:
    found = subprocess.run([sys.executable, "-c", _TRAINING], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(("ours", "theirs"), [(Sgd, torch.optim.SGD), (Adam, torch.optim.Adam)])
def test_the_steps_are_those_of_torch_bit_by_bit(ours: Any, theirs: Any) -> None:
    found = []
    for kind in (ours, theirs):
        torch.manual_seed(0)
        layer = nn.Linear(4, 3)
        named = {"momentum": 0.9} if kind in (Sgd, torch.optim.SGD) else {}
        optimizer = kind(layer.parameters(), lr=0.1, weight_decay=0.01, **named)
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2])
        for _ in range(4):
            optimizer.zero_grad()
            layer(torch.rand(5, 4)).square().mean().backward()
            optimizer.step()
            scheduler.step()
        found.append((layer.weight.detach(), optimizer.state_dict()["state"][0], torch.is_grad_enabled()))
    assert_equal(found[0], found[1])
