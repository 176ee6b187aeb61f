"""Clean and perturbed images in one forward pass, as in the authors' code, and what that changes."""

from __future__ import annotations

import copy

import pytest
import torch
from small_models import batch_norm_net
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.stability import Stability
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Loss
from hypo.defenses.thrm import Thrm
from hypo.defenses.trades import Trades

ATTACK = ProjectedGradient(steps=3, relative_step=0.4, start="authors_code")
LABELS = torch.arange(8) % 4


@pytest.fixture(params=[Linf(0.1), L2(0.5)], ids=["linf", "l2"])
def threat_model(request: pytest.FixtureRequest) -> ThreatModel:
    return request.param


@pytest.fixture(params=[Thrm, Trades])
def kind(request: pytest.FixtureRequest) -> type:
    return request.param


@pytest.fixture
def images() -> Tensor:
    return torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def net() -> nn.Sequential:
    """Batch-norm, but no dropout: two forwards through that are never alike."""
    model = batch_norm_net().train()
    model[3] = nn.Identity()
    return model


def random_generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def lost(
    kind: type, model: nn.Module, images: Tensor, threat_model: ThreatModel, joint: bool, lambda_: float = 5.0
) -> Loss:
    defense = kind(lambda_, ATTACK, joint_forward=joint)
    return defense.loss(model, images, LABELS, threat_model, random_generator())


def perturbed_by(kind: type, model: nn.Module, images: Tensor, threat_model: ThreatModel) -> Tensor:
    """What the inner attack of either defense finds."""
    frozen = copy.deepcopy(model).eval()
    with attacked(frozen):  # stability begins where there is next to no gradient, so that rounding shows
        goal: Goal = Hypocritical(LABELS) if kind is Thrm else Stability(frozen(images).detach())
    return ATTACK.last(frozen, images, goal, threat_model, random_generator())


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed statistics", "no batch-norm"])
def test_without_shared_statistics_it_makes_no_difference(
    kind: type, images: Tensor, threat_model: ThreatModel, fixed: bool
) -> None:
    model = net().eval() if fixed else nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    joint, apart = (lost(kind, model, images, threat_model, joint) for joint in (True, False))
    for one, other in zip(joint, apart, strict=True):
        torch.testing.assert_close(one, other)


def test_batch_norm_takes_the_statistics_of_the_joined_batch(
    kind: type, images: Tensor, threat_model: ThreatModel
) -> None:
    model = net()
    joined = torch.cat([images, perturbed_by(kind, model, images, threat_model)])
    expected = copy.deepcopy(model)
    logits = expected(joined)
    apart = lost(kind, copy.deepcopy(model), images, threat_model, joint=False)
    found = lost(kind, model, images, threat_model, joint=True)
    assert found.clean_logits is not None
    assert found.perturbed_logits is not None
    torch.testing.assert_close(torch.cat([found.clean_logits, found.perturbed_logits]), logits)
    assert found.value.item() != pytest.approx(apart.value.item(), rel=1e-4)
    assert model[1].num_batches_tracked == 1
    torch.testing.assert_close(model[1].running_mean, expected[1].running_mean)
    torch.testing.assert_close(model[1].running_var, expected[1].running_var)


def test_lambda_0_is_standard_training(kind: type, images: Tensor, threat_model: ThreatModel) -> None:
    model, standard = net(), net()
    value = lost(kind, model, images, threat_model, joint=True, lambda_=0.0).value
    assert torch.equal(value, nn.functional.cross_entropy(standard(images), LABELS))
    assert all(torch.equal(one, other) for one, other in zip(model.buffers(), standard.buffers(), strict=True))
