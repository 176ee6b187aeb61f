"""ℓ∞-dist nets: no logit changes faster than the input, p goes up with the training, and risks are certified."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from hypo.architectures.linf_dist_net import LinfDistLayer, LinfDistNet, MeanNormalisation
from hypo.architectures.normalised import Normalised
from hypo.attacks.projected_gradient import ProjectedGradient
from hypo.certificates import certified
from hypo.datasets.images import ImageData
from hypo.defenses.linf_dist import LinfDist
from hypo.errors import InputError
from hypo.evaluation import Evaluation, evaluate
from hypo.recipe import Recipe
from hypo.risks import risks
from hypo.threat_models.linf import Linf
from hypo.training import train

EPSILON = 0.05


def layers(network: nn.Module) -> list[LinfDistLayer]:
    return [module for module in network.modules() if isinstance(module, LinfDistLayer)]


def infinite(network: nn.Module) -> nn.Module:
    for layer in layers(network):
        layer.anneal(1.0)
    return network.eval()


def test_p_is_held_goes_up_exponentially_and_ends_at_infinity() -> None:
    layer = LinfDistLayer(3, 2, LinfDistNet(), bias=False)

    def p(position: float) -> float:
        layer.anneal(position)
        return float(layer.get_buffer("p"))

    assert [p(0.0), p(0.125)] == [8.0, 8.0]
    half = 0.5 * (1 / 8 + 15 / 16)
    assert p(half) == pytest.approx((8 * 1000) ** 0.5, rel=1e-5)
    assert p(15 / 16 - 1e-9) == pytest.approx(1000, rel=1e-4)
    assert [p(15 / 16), p(1.0)] == [math.inf, math.inf]


def test_at_infinity_no_logit_changes_more_than_the_image() -> None:
    torch.manual_seed(0)
    network = infinite(LinfDistNet(hidden=(20, 30)).build((1, 4, 4), 5))
    images = torch.randn(50, 1, 4, 4)
    for size in (1e-3, 0.1, 3.0):
        moved = images + size * (2 * torch.rand_like(images) - 1)
        change = (network(moved) - network(images)).abs().amax()
        assert change <= size * (1 + 1e-5) + 1e-6


def test_p_is_saved_with_the_weights() -> None:
    network = infinite(LinfDistNet(hidden=(6,)).build((1, 2, 2), 3))
    other = LinfDistNet(hidden=(6,)).build((1, 2, 2), 3).eval()
    other.load_state_dict(network.state_dict())
    images = torch.randn(4, 1, 2, 2)
    assert torch.equal(other(images), network(images))


def test_normalisation_subtracts_the_batch_s_mean_and_then_the_running_one() -> None:
    layer, batch = MeanNormalisation(3), 5 + torch.randn(40, 3)
    torch.testing.assert_close(layer(batch).mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(layer.get_buffer("mean"), 0.1 * batch.mean(0))
    torch.testing.assert_close(layer.eval()(batch), batch - 0.1 * batch.mean(0))


@pytest.mark.parametrize("position", [0.0, 0.6, 1.0])
def test_decay_follows_the_gradient_of_half_the_squared_norm(position: float) -> None:
    torch.manual_seed(0)
    layer = LinfDistLayer(5, 4, LinfDistNet(), bias=False).double()
    layer.anneal(position)
    p = float(layer.get_buffer("p"))
    weight = layer.weight.detach().clone().requires_grad_()
    (0.5 * torch.linalg.vector_norm(weight, ord=p, dim=1) ** 2).sum().backward()
    before = layer.weight.detach().clone()
    layer.decay(0.01)
    assert weight.grad is not None
    torch.testing.assert_close(before - layer.weight, 0.01 * weight.grad, rtol=1e-4, atol=1e-8)


def trained(digits: ImageData, arch: LinfDistNet) -> nn.Module:
    torch.manual_seed(0)
    model = Normalised(arch.build(digits.shape, 10), digits.mean, digits.std)
    recipe = Recipe(
        epochs=60,
        batch=60,
        optimizer="lp_adam",
        learning_rate=0.02,
        weight_decay=5e-3,
        schedule="cosine",
        milestones=(2,),
    )
    train(model, digits.train, digits.maximum, LinfDist(1.0), Linf(EPSILON), recipe, seed=0)
    return model.eval()


def test_what_is_certified_no_attack_contradicts(digits: ImageData) -> None:
    model = trained(digits, LinfDistNet(hidden=(128, 64)))
    assert all(layer.get_buffer("p") == math.inf for layer in layers(model))

    flags = evaluate(model, digits.test, 16, Linf(EPSILON), Evaluation(ProjectedGradient()), seed=0)
    empirical, bounds = risks(flags), certified(flags, 2 * EPSILON)
    assert empirical["D"].count > 700  # of 1,197
    assert 0 < bounds["A_certified"].count <= empirical["A"].count
    assert empirical["F"].count <= bounds["F_certified"].count < 1197
    assert empirical["R_hyp_minus"].count <= bounds["R_hyp_minus_certified"].count
    assert empirical["R_sta_minus"].count <= bounds["R_sta_minus_certified"].count


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": (0,)}, "arch.hidden: takes a whole number >= 1, got 0"),
        ({"p_start": 0.5}, "arch.p_start: takes a number >= 1"),
        ({"surrogate_p": 0}, "arch.surrogate_p: takes a number >= 1"),
        ({"hold": 0.95}, "arch.hold: takes a share of the training below arch.infinite_from, got 0.95 and 0.9375"),
    ],
)
def test_settings_are_checked(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        LinfDistNet(**settings)
