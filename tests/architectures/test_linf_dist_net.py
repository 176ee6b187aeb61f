"""ℓ∞-dist nets: no logit changes faster than the input, p goes up with the training, and risks are certified."""

from __future__ import annotations

import math

import pytest
import torch
from small_models import small_experiment
from torch import nn

from hypo.architectures.linf_dist_net import LinfDistLayer, LinfDistNet, MeanNormalisation
from hypo.architectures.normalised import Normalised
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.defenses.linf_dist import LinfDist
from hypo.measurements.certificate import certified
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import risks
from hypo.settings.errors import InputError
from hypo.training.loop import train
from hypo.training.recipe import Recipe

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


def test_the_logits_are_minus_the_last_layer_as_in_equation_4() -> None:
    torch.manual_seed(0)
    network = infinite(LinfDistNet(hidden=(5,)).build((1, 2, 2), 3))
    (first, last), images = layers(network), torch.randn(7, 1, 2, 2)
    with torch.no_grad():
        assert last.bias is not None
        last.bias.copy_(torch.tensor([0.1, -0.2, 0.3]))
        hidden = (images.flatten(1)[:, None] - first.weight).abs().amax(2)
        expected = -((hidden[:, None] - last.weight).abs().amax(2) + last.bias)
        torch.testing.assert_close(network(images), expected)


def test_units_look_at_one_input_mostly_where_there_is_one_for_each() -> None:
    """Entries of −10 begin only in layers that do not narrow."""
    torch.manual_seed(0)
    first, middle, last = layers(LinfDistNet(hidden=(6, 6)).build((1, 2, 2), 3))
    for layer, inputs in ((first, 4), (middle, 6)):
        at = torch.arange(6)
        assert bool((layer.weight[at, at % inputs] == -10).all())
        assert int((layer.weight == -10).sum()) == 6
    assert float(last.weight.detach().min()) > -6


def test_the_bias_decays_with_the_weights() -> None:
    layer = LinfDistLayer(5, 4, LinfDistNet(), bias=True)
    assert layer.bias is not None
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([1.0, -2.0, 0.0, 4.0]))
    layer.decay(0.01)
    torch.testing.assert_close(layer.bias.detach(), 0.99 * torch.tensor([1.0, -2.0, 0.0, 4.0]))


def test_plain_attacks_get_the_gradient_of_the_largest_difference_alone() -> None:
    torch.manual_seed(0)
    network = infinite(LinfDistNet(hidden=()).build((1, 4, 4), 3))
    images = torch.randn(6, 1, 4, 4, requires_grad=True)

    def touched(surrogate: bool) -> torch.Tensor:
        with attacked(network, surrogate=surrogate):
            (gradient,) = torch.autograd.grad(network(images)[:, 0].sum(), images)
        return gradient.flatten(1).ne(0).sum(1)

    assert touched(surrogate=False).tolist() == [1] * 6
    assert bool((touched(surrogate=True) > 1).all())
    assert all(layer.surrogate for layer in layers(network))  # left as found


def test_the_input_is_divided_by_one_std(digits: ImageData) -> None:
    """Its own where it has one, else the mean of the data set's."""
    for std, expected in ((0.2009, 0.2009), (None, sum(digits.std) / len(digits.std))):
        arch = LinfDistNet(hidden=(6,), input_std=std)
        model = small_experiment(LinfDist(), arch=arch).build_model(digits)
        assert model.get_buffer("std").flatten().tolist() == pytest.approx([expected] * len(digits.std))


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
        epochs=30,
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
    model = trained(digits, LinfDistNet(hidden=(64, 64)))
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
        ({"hidden": (0,)}, "hidden: takes a whole number >= 1, got 0"),
        ({"input_std": 0}, "input_std: takes a number > 0"),
        ({"p_start": 0.5}, "p_start: takes a number >= 1"),
        ({"surrogate_p": 0}, "surrogate_p: takes a number >= 1"),
        ({"hold": 0.95}, "hold: takes a share of the training below arch.infinite_from, got 0.95 and 0.9375"),
    ],
)
def test_settings_are_checked(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        LinfDistNet(**settings)
