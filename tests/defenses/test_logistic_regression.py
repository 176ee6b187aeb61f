"""Adversarial training of logistic regression is a penalty on its weights, inside of the loss.

The lecture's Equation 3: over the ℓ∞ ball the largest log(1 + e^(−y·wᵀx′)) is log(1 + e^(ε‖w‖₁ − y·wᵀx)). Over the
ℓ2 ball it is ‖w‖₂. Images lie so far inside [0, 1] that no ball reaches out of it.
"""

from __future__ import annotations

from itertools import product

import pytest
import torch
from composing import job as composed
from torch import Tensor, nn
from torch.nn import functional as F

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.pgd_at import PgdAt

PGD = ProjectedGradient(steps=10, relative_step=0.25)
FGSM = ProjectedGradient(steps=1, relative_step=1, start="clean")
SHAPE = (1, 3, 3)


@pytest.fixture
def model() -> nn.Module:
    """Two classes, without hidden layers, with weights of either sign and in double precision."""
    network = composed("arch=mlp", "arch.hidden=[]").experiment.arch.build(SHAPE, 2)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=random))
    return network.double()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    images = 0.3 + 0.4 * torch.rand((40, *SHAPE), generator=random, dtype=torch.float64)
    return images, torch.randint(2, (40,), generator=random)


def margins(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """y·(wᵀx + b) with y = ±1, of the difference of the two logits."""
    logits = model(images)
    return (2 * labels - 1) * (logits[:, 1] - logits[:, 0])


def penalised(model: nn.Module, batch: tuple[Tensor, Tensor], epsilon: float, order: int) -> Tensor:
    """The form with the norm of the weights, which knows nothing of attacks."""
    (weight,) = (parameter for parameter in model.parameters() if parameter.dim() == 2)
    norm = (weight[1] - weight[0]).norm(p=order)
    return F.softplus(epsilon * norm - margins(model, *batch)).mean()


@pytest.mark.parametrize(
    ("attack", "threat_model", "order"), [(PGD, Linf(0.1), 1), (FGSM, Linf(0.1), 1), (FGSM, L2(0.25), 2)]
)
def test_loss_and_gradients_are_those_of_the_penalised_form(
    model: nn.Module,
    batch: tuple[Tensor, Tensor],
    attack: ProjectedGradient,
    threat_model: ThreatModel,
    order: int,
) -> None:
    trained = PgdAt(attack).loss(model, *batch, threat_model, torch.Generator().manual_seed(2)).value
    known = penalised(model, batch, threat_model.epsilon, order)
    assert trained.item() == pytest.approx(known.item(), rel=1e-12)
    assert known.item() > F.softplus(-margins(model, *batch)).mean().item() + 0.1
    parameters = list(model.parameters())
    for of_attack, of_norm in zip(
        torch.autograd.grad(trained, parameters), torch.autograd.grad(known, parameters), strict=True
    ):
        torch.testing.assert_close(of_attack, of_norm, rtol=1e-10, atol=1e-12)


def test_in_single_precision_they_are_as_near_as_that_is(model: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    single, (images, labels) = model.float(), batch
    trained = PgdAt(PGD).loss(single, images.float(), labels, Linf(0.1), torch.Generator().manual_seed(2)).value
    known = penalised(single, (images.float(), labels), 0.1, 1)
    assert trained.item() == pytest.approx(known.item(), rel=1e-5)


def test_no_corner_of_the_ball_costs_more(model: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    corners = 0.1 * torch.tensor(list(product((-1.0, 1.0), repeat=9)), dtype=torch.float64).view(-1, *SHAPE)
    images, labels = batch[0][:5], batch[1][:5]
    with torch.no_grad():
        everywhere = [
            F.softplus(-margins(model, image + corners, label.expand(len(corners)))).max()
            for image, label in zip(images, labels, strict=True)
        ]
        known = penalised(model, (images, labels), 0.1, 1)
    assert torch.stack(everywhere).mean().item() == pytest.approx(known.item(), rel=1e-12)
