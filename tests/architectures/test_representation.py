"""What the last layer is given, of every architecture, and those that have nothing before it."""

from __future__ import annotations

import pytest
import torch
from architecture_cases import CASES, Case, build, images

from hypo.architectures.mlp import Mlp
from hypo.architectures.normalised import Normalised
from hypo.architectures.representation import Representation, check, last_layer
from hypo.settings.errors import InputError

SHALLOW = {"mlp-linear"}


def normalised(case: Case) -> Normalised:
    channels = case.shape[0]
    return Normalised(build(case), (0.4,) * channels, (0.3,) * channels).eval()


@pytest.mark.parametrize("name", sorted(set(CASES) - SHALLOW))
def test_the_last_layer_makes_the_logits_of_it(name: str) -> None:
    model = normalised(CASES[name])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        features = Representation(model)(images(CASES[name]))
        logits = last_layer(model)(features)
        assert torch.equal(logits, model(images(CASES[name])))
    assert features.dim() == 2
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", sorted(set(CASES) - SHALLOW))
def test_every_architecture_with_a_penultimate_layer_is_taken(name: str) -> None:
    check(CASES[name].architecture, CASES[name].shape, 10)


@pytest.mark.parametrize("name", sorted(SHALLOW))
def test_a_linear_classifier_has_none(name: str) -> None:
    with pytest.raises(
        InputError, match=r"^arch: takes one with a penultimate layer, got a single layer on the im"
    ):
        check(CASES[name].architecture, CASES[name].shape, 10)


def test_what_ends_in_no_linear_layer_has_none() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Conv2d(1, 10, 1))
    with pytest.raises(InputError, match=r"^arch: takes one that ends in a linear layer"):
        last_layer(model)


def test_the_gradient_of_the_features_is_that_of_the_network_before_the_last_layer() -> None:
    torch.manual_seed(0)
    network = Mlp((5,)).build((1, 2, 2), 3)
    image = torch.rand(4, 1, 2, 2, requires_grad=True)
    (found,) = torch.autograd.grad(Representation(network)(image).sum(), image)
    (expected,) = torch.autograd.grad(network[:-1](image).sum(), image)  # type: ignore[index]
    assert torch.equal(found, expected)
