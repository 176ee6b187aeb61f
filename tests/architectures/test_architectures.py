from __future__ import annotations

import importlib
import pkgutil
from dataclasses import is_dataclass

import pytest
import torch
import torch.nn.functional as F
from architecture_cases import CASES, CLASSES, Case, build, images

import hypo.architectures
from hypo.architectures.foreign import Foreign
from hypo.architectures.saved import Saved


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request) -> Case:
    return request.param


def test_no_architecture_is_missing_from_the_table():
    found = {
        member
        for module in pkgutil.iter_modules(hypo.architectures.__path__, "hypo.architectures.")
        for member in vars(importlib.import_module(module.name)).values()
        if is_dataclass(member) and member.__module__ == module.name and hasattr(member, "build")
    }
    found -= {Saved, Foreign}  # these build what others would
    assert found == {type(case.architecture) for case in CASES.values()}


def test_logits(case):
    logits = build(case)(images(case))
    assert logits.shape == (3, CLASSES)
    assert logits.isfinite().all()
    assert len(logits.unique()) == logits.numel()


def test_number_of_parameters(case):
    assert sum(parameter.numel() for parameter in build(case).parameters()) == case.parameters


def test_the_gradient_reaches_every_parameter_and_every_image(case):
    network, inputs = build(case), images(case).requires_grad_()
    F.cross_entropy(network(inputs), torch.tensor([0, 1, 2])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
    assert inputs.grad is not None
    assert inputs.grad.flatten(1).any(dim=1).all()


def test_the_seed_decides_the_weights(case):
    first, again, other = build(case), build(case), build(case, seed=1)
    for tensor, same in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(tensor, same)
    weights = zip(first.parameters(), other.parameters(), strict=True)
    assert any(not torch.equal(tensor, another) for tensor, another in weights)


def test_channels_last_makes_no_difference(case):
    def logits_and_gradients(layout: torch.memory_format) -> tuple[torch.Tensor, list[torch.Tensor]]:
        network = build(case).eval().to(memory_format=layout)
        logits = network(images(case).contiguous(memory_format=layout))
        F.cross_entropy(logits, torch.tensor([0, 1, 2])).backward()
        return logits, [parameter.grad for parameter in network.parameters()]

    expected, gradients = logits_and_gradients(torch.contiguous_format)
    logits, others = logits_and_gradients(torch.channels_last)
    assert torch.allclose(logits, expected, atol=1e-5)
    for gradient, other in zip(gradients, others, strict=True):
        assert torch.allclose(gradient, other, rtol=1e-3, atol=1e-5)


def test_in_eval_mode_images_do_not_meet(case):
    network, inputs = build(case).eval(), images(case)
    together = network(inputs)
    for image, logits in zip(inputs, together, strict=True):
        assert torch.allclose(network(image[None])[0], logits, atol=1e-5)
