"""`from hypo import attack, risks`: against closed forms, and whatever they are given."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_models import batch_norm_net, linear_model
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import hypo
from hypo import attack, risks
from hypo.settings.errors import InputError

EPSILON = 0.02


@pytest.fixture(scope="module")
def linear() -> tuple[nn.Module, Tensor, Tensor]:
    """Two classes, some mistakes, and images so far from 0 and 1 that no perturbation is cut off there."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(2, 16, generator=random)
    images = 0.4 + 0.2 * torch.rand(80, 1, 4, 4, generator=random)
    logits = images.flatten(1) @ weight.T
    bias = torch.tensor([0.0, float((logits[:, 0] - logits[:, 1]).median())])
    model = linear_model(weight, bias).requires_grad_(False)
    flipped = torch.rand(80, generator=random) < 0.3
    return model, images, model(images).argmax(1) ^ flipped.long()


def reach(model: Any, norm: str) -> Tensor:
    """By how much the lead of one class over the other can be changed."""
    difference = model[1].weight[0] - model[1].weight[1]
    return EPSILON * (difference.abs().sum() if norm == "linf" else difference.norm())


def lead(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Of the label over the other class."""
    logits = model(images)
    return logits.gather(1, labels[:, None])[:, 0] - logits.gather(1, 1 - labels[:, None])[:, 0]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_risks_of_a_linear_model_are_those_of_the_formula(linear: Any, norm: str) -> None:
    model, images, labels = linear
    found = risks(model, [(images[:50], labels[:50]), (images[50:], labels[50:])], EPSILON, norm)
    margin = lead(model, images, labels)
    correct, moved = margin > 0, reach(model, norm)
    assert found["D"].count == int(correct.sum())
    assert found["A"].count == int((margin > moved).sum())
    assert found["F"].count == int((margin > -moved).sum())
    assert 0 < found["R_hyp_minus"].count < found["R_hyp_minus"].of
    assert found.flags.hyp.tolist() == (margin > -moved).tolist()
    assert not found.warnings


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("goal", ["hypocritical", "adversarial", "stability", "targeted"])
def test_attacks_reach_what_can_be_reached(linear: Any, norm: str, goal: Any) -> None:
    model, images, labels = linear
    perturbed = attack(model, images, labels, EPSILON, norm, goal=goal, evaluation="cw100")
    moved = (perturbed - images).flatten(1)
    size = moved.abs().amax(1) if norm == "linf" else moved.norm(dim=1)
    assert float(size.max()) <= EPSILON * (1 + 1e-4)
    before, after = model(images).argmax(1), model(perturbed).argmax(1)
    reached = {"adversarial": after != labels, "stability": after != before}.get(goal, after == labels)
    margin, limit = lead(model, images, labels), reach(model, norm)
    possible = {"adversarial": margin < limit, "stability": margin.abs() < limit}.get(goal, margin > -limit)
    assert reached.tolist() == possible.tolist()


def test_what_cannot_be_reached_is_tried_as_far_as_it_goes(linear: Any) -> None:
    model, images, labels = linear
    perturbed = attack(model, images, labels, EPSILON)
    assert torch.allclose(
        lead(model, perturbed, labels) - lead(model, images, labels), reach(model, "linf"), atol=1e-4
    )


def test_a_loader_of_torch_is_taken_in_its_order(linear: Any) -> None:
    model, images, labels = linear
    loader = DataLoader(TensorDataset(images, labels), batch_size=7)
    found = risks(model, loader, "1/50")
    assert found.flags.label.tolist() == labels.tolist()
    assert dict(found) == dict(risks(model, [(images.numpy(), labels.numpy())], EPSILON))
    assert "R_hyp⁻, hypocritical risk on D⁻" in repr(found)


def test_a_model_is_left_as_it_was_found() -> None:
    model = batch_norm_net().train()
    model[0].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = torch.rand(12, 1, 8, 8), torch.arange(12) % 4
    with torch.no_grad():  # as in a loop that only tests
        risks(model, [(images, labels)], 0.1)
        attack(model, images, labels, 0.1)
    assert all(module.training for module in model.modules())
    assert [each.requires_grad for each in model.parameters()][:2] == [False, True]
    assert all(each.grad is None for each in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Pair(nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images, images


IMAGES, LABELS = torch.rand(6, 1, 4, 4), torch.tensor([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        (5, "loader: takes batches of images and labels, got a int"),
        ([], "loader: takes one with images in it, got none"),
        ([IMAGES], "loader: takes pairs of images and labels, got a Tensor as batch 0"),
        ([(IMAGES[0], LABELS)], "loader: takes images of shape batch x channels x height x width, got 1x4x4"),
        ([((255 * IMAGES).byte(), LABELS)], "loader: takes images as floats.*got uint8; divide them by 255"),
        ([(255 * IMAGES, LABELS)], r"loader: takes images in \[0, 1\], got numbers from .*; divide them by 255"),
        ([(IMAGES - 0.5, LABELS)], "loader: takes images in .*; leave normalising to the model's first layer"),
        ([(IMAGES * float("nan"), LABELS)], "loader: takes images in .*, got numbers from nan"),
        ([(IMAGES, LABELS.float())], "loader: takes labels as whole numbers, got float32"),
        ([(IMAGES, LABELS[:3])], "loader: takes one label for each of 6 images, got 3"),
        ([(IMAGES, LABELS - 1)], "loader: takes labels from 0, got -1"),
        ([(IMAGES, LABELS + 1)], "labels: takes 0 to 1, for the model has 2 outputs, got 2"),
        ([(IMAGES, LABELS), (IMAGES[..., :3], LABELS)], "loader: takes images that all have one size"),
        ([(IMAGES[..., :3], LABELS)], "model: cannot take images of 1x4x3"),
    ],
)
def test_a_loader_of_something_else_is_refused(batches: Any, told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        risks(linear_model(torch.eye(2, 16)), batches, 0.1)
    assert "\n" not in str(refused.value)


MODEL = linear_model(torch.eye(2, 16))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: risks(MODEL, [(IMAGES, LABELS)], -1), "epsilon: takes a number > 0"),
        (lambda: risks(MODEL, [(IMAGES, LABELS)], 8), "epsilon: takes 1 at most in linf.* got 8; of .* is 8/255"),
        (lambda: risks(MODEL, [(IMAGES, LABELS)], 0.1, "l3"), "norm: takes one of linf, l2, got 'l3'"),
        (lambda: risks(MODEL, [(IMAGES, LABELS)], 0.1, seed=-1), "seed: takes a whole number >= 0"),
        (lambda: risks(MODEL, [(IMAGES, LABELS)], 0.1, evaluation="pgd"), "evaluation: takes one of .*pgd20"),
        (
            lambda: risks(lambda images: images, [(IMAGES, LABELS)], 0.1),
            "model: takes a torch.nn.Module, got a func",
        ),
        (lambda: risks(Pair(), [(IMAGES, LABELS)], 0.1), "model: takes one that returns a tensor of logits"),
        (lambda: risks(nn.Identity(), [(IMAGES, LABELS)], 0.1), "model: takes one that returns logits of shape"),
        (lambda: attack(MODEL, IMAGES, LABELS, 0.1, goal="hide"), "goal: takes one of hypocritical, adversarial"),
        (lambda: attack(MODEL, IMAGES, LABELS[:2], 0.1), "labels: takes one label for each of 6 images, got 2"),
        (lambda: attack(MODEL, 2 * IMAGES + 1, LABELS, 0.1), r"images: takes images in \[0, 1\]"),
    ],
)
def test_settings_are_refused_by_name(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        call()


def test_probabilities_are_warned_of(linear: Any) -> None:
    model, images, labels = linear
    (warning,) = risks(nn.Sequential(model, nn.Softmax(1)), [(images, labels)], EPSILON).warnings
    assert "returns probabilities" in warning
    assert "; let it return their logarithms, or pass" in warning  # for whoever has no settings to pass


def test_no_image_is_no_attack() -> None:
    assert attack(MODEL, IMAGES[:0], LABELS[:0], 0.1).shape == (0, 1, 4, 4)


@pytest.mark.parametrize("name", sorted(hypo.__all__))
def test_the_examples_of_the_docstrings_run(name: str) -> None:
    function = getattr(hypo, name)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0


def test_importing_hypo_is_light_and_its_command_is_no_module() -> None:
    line = (
        "import sys, hypo; sys.exit('torch' in sys.modules or not {'attack', 'audit', 'risks'} <= set(dir(hypo)))"
    )
    assert subprocess.run([sys.executable, "-c", line]).returncode == 0
    with pytest.raises(ImportError, match="from hypo import audit"):
        importlib.import_module("hypo.audit")
    with pytest.raises(AttributeError, match="has no attribute 'audits'"):
        hypo.audits  # noqa: B018
