"""Batch-norm folded into convolutions: the same function, and a model that is left as it was."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable

import pytest
import torch
from folded_models import Aside, computing_otherwise, images_for, looked_at, prepared
from small_models import Stripes, batch_norm_net, quickly_trained
from torch import Tensor, nn

from hypo.architectures.resnet18 import Resnet18
from hypo.architectures.torchvision import Torchvision
from hypo.architectures.vgg16 import Vgg16
from hypo.architectures.wide_resnet import WideResnet
from hypo.attacks import folded as folding
from hypo.attacks.folded import CONVOLUTIONS, NORMS, folded
from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.measurements.evaluation import Evaluation, evaluate

NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "resnet18": (lambda: Resnet18(4).build((3, 16, 16), 5), 20, 20),
    "wide_resnet": (lambda: WideResnet(10, 2).build((3, 16, 16), 5), 4, 7),  # norms after a sum stay
    "vgg16": (lambda: Vgg16(2).build((3, 32, 32), 5), 13, 13),
    "torchvision's": (lambda: Torchvision("mnasnet0_5").build((3, 16, 16), 5), 52, 52),
}
"""By name how to build it, how many of its norms are folded, and of how many."""


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_and_gradients_are_the_same_and_fewer_norms_are_computed(name: str) -> None:
    build, count, of = NETWORKS[name]
    network = prepared(build())
    assert sum(isinstance(module, NORMS) for module in network.modules()) == of
    images = images_for(32 if name == "vgg16" else 16)
    expected = looked_at(network, images)
    with folded(network):
        assert len(computing_otherwise(network)) == 2 * count
        found = looked_at(network, images)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9 * other.abs().max().item())
        assert not torch.equal(one, other)  # it was another way to the same
    assert not computing_otherwise(network)
    for one, other in zip(looked_at(network, images), expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_convolutions_with_bias_strides_groups_and_padding_of_any_kind(dimensions: int) -> None:
    convolution = CONVOLUTIONS[dimensions - 1](
        4, 6, 3, stride=2, padding=1, dilation=2, groups=2, padding_mode="circular"
    )
    network = prepared(nn.Sequential(convolution, NORMS[dimensions - 1](6), nn.ReLU()))
    inputs = torch.rand(2, 4, *[9] * dimensions, generator=torch.Generator().manual_seed(0)).double()
    expected = network(inputs)
    with folded(network):
        assert computing_otherwise(network) == ["0", "1"]
        torch.testing.assert_close(network(inputs), expected, rtol=1e-12, atol=1e-12)


def test_each_time_it_is_the_weights_of_now_and_the_modules_of_now() -> None:
    network = prepared(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten()))
    images = images_for(8)
    for _ in range(2):
        with torch.no_grad():
            network[0].weight.add_(1)
        expected = network(images)
        with folded(network):
            torch.testing.assert_close(network(images), expected, rtol=1e-10, atol=1e-10)
    network[1] = nn.Identity()
    with folded(network):
        assert not computing_otherwise(network)
    network[1] = prepared(nn.BatchNorm2d(4))
    with folded(network):
        assert computing_otherwise(network) == ["0", "1"]


def test_a_model_whose_calls_change_is_noticed() -> None:
    class Switched(Aside):
        is_other = False

        def forward(self, images: Tensor) -> Tensor:
            features = self.convolution(images)
            return self.norm(features.relu() if self.is_other else features)

    network = prepared(Switched())
    with folded(network):
        network(images_for(8))
        network.is_other = True
        with pytest.raises(AssertionError, match="calls are others"):
            network(images_for(8))
    assert not computing_otherwise(network)


def test_within_another_attack_it_is_folded_once() -> None:
    network = prepared(batch_norm_net())
    images = images_for(8, channels=1)
    expected = network(images)
    with attacked(network):
        with attacked(network):
            torch.testing.assert_close(network(images), expected, rtol=1e-10, atol=1e-10)
        assert computing_otherwise(network) == ["0", "1"]
    assert not computing_otherwise(network)


def test_nothing_is_kept_of_a_model_that_is_gone() -> None:
    gc.collect()
    before = len(folding._found)
    network = prepared(batch_norm_net())
    with folded(network):
        pass
    assert len(folding._found) == before + 1
    del network
    gc.collect()
    assert len(folding._found) == before


def test_in_bfloat16_it_is_near_the_model_and_in_its_layout() -> None:
    network = prepared(Resnet18(8).build((3, 16, 16), 5)).float().to(memory_format=torch.channels_last)
    images = images_for(16).float().to(memory_format=torch.channels_last)
    expected = network(images)
    layouts: list[bool] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        layouts.append(inputs[0].is_contiguous(memory_format=torch.channels_last))

    with torch.autocast("cpu", torch.bfloat16), folded(network):
        weights = [cell.cell_contents for cell in network[0].forward.compute.__closure__]
        found = network(images)
    assert any(isinstance(each, Tensor) and each.dtype == torch.bfloat16 for each in weights)
    assert 0 < (found - expected).abs().max() < 0.05 * expected.abs().max()
    network.register_forward_hook(note)
    network(images)
    assert all(layouts)


@pytest.fixture(scope="module")
def resnet() -> tuple[nn.Module, ImageData]:
    data = Stripes(train=300, test=200, noise=60).load()
    torch.manual_seed(0)
    return quickly_trained(Resnet18(4).build(data.shape, 4), data, epochs=4), data


@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
def test_the_flags_of_an_evaluation_are_the_same(
    resnet: tuple[nn.Module, ImageData], success: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = resnet
    evaluation = Evaluation(ProjectedGradient(steps=5), success)  # type: ignore[arg-type]

    def flags() -> list[list[bool]]:
        found = evaluate(model, data.test, data.maximum, Linf(0.02), evaluation, seed=0)
        return [getattr(found, name).tolist() for name in ("correct", "adv", "hyp", "sta")]

    ours = flags()
    broken, hidden = (
        sum(each[at] for each in zip(*ours, strict=True) if each[0] == right) for at, right in ((1, 1), (2, 0))
    )
    assert 20 < broken < sum(ours[0]) - 10  # there is something to decide either way
    assert 20 < hidden < len(ours[0]) - sum(ours[0]) - 10
    monkeypatch.setattr(folding, "_pairs", lambda model: [])
    assert flags() == ours


def test_a_training_step_leaves_parameters_statistics_and_gradients_to_the_training() -> None:
    network = batch_norm_net().train()
    before = copy.deepcopy(network.state_dict())
    images = images_for(8, channels=1).float()
    ProjectedGradient(steps=2).last(
        network, images, Adversarial(torch.arange(4)), Linf(0.1), torch.Generator().manual_seed(0)
    )
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert all(module.training for module in network.modules())
    assert not computing_otherwise(network)
