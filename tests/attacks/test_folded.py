"""Batch-norm folded into convolutions: the same function, and a model that is left as it was."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable

import pytest
import torch
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


def prepared(network: nn.Module) -> nn.Module:
    """In double precision, in `eval()` mode and frozen, with statistics as after a training."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in network.modules():
            if isinstance(norm, NORMS):
                for tensor in (norm.running_var, norm.weight):
                    if tensor is not None:
                        tensor.copy_(0.5 + torch.rand(tensor.shape, generator=random))
                for tensor in (norm.running_mean, norm.bias):
                    if tensor is not None:
                        tensor.copy_(torch.randn(tensor.shape, generator=random) / 3)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.double().eval()


def images_for(size: int, channels: int = 3) -> Tensor:
    return torch.rand(4, channels, size, size, generator=torch.Generator().manual_seed(1)).double()


def looked_at(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The logits, and the gradient of some function of them."""
    images = images.clone().requires_grad_()
    logits = network(images)
    (gradient,) = torch.autograd.grad((logits * torch.arange(logits.shape[1])).sum(), images)
    return logits.detach(), gradient


def computing_otherwise(network: nn.Module) -> list[str]:
    """The modules that compute something else than their class says."""
    return [name for name, module in network.named_modules() if "forward" in vars(module)]


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


class Aside(nn.Module):
    """A convolution whose result is used beside the norm's."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> Tensor:
        features = self.convolution(images)
        return self.norm(features) + features


class Shared(Aside):
    """A norm that follows two convolutions, and one of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.convolution(images)) + self.norm(self.other(images))


class Deciding(Aside):
    """What comes after the convolution hangs on what it gives."""

    def forward(self, images: Tensor) -> Tensor:
        features = self.convolution(images)
        return self.norm(features) if features.mean() > -100 else features


class Reading(Aside):
    """The convolution's weights are used beside its call."""

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.convolution(images)) + self.convolution.forward(images)


class Own(nn.BatchNorm2d):
    """A norm of a class of its own, which may compute anything."""


def _in_train_mode(network: nn.Sequential) -> nn.Sequential:
    network[1].train()
    return network


UNPROVEN: dict[str, Callable[[], nn.Module]] = {
    "the convolution's result has another use": Aside,
    "a norm after two convolutions": Shared,
    "calls that depend on the images": Deciding,
    "weights read beside the call": Reading,
    "no running statistics": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)
    ),
    "something in between": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)),
    "a class of its own": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Own(4)),
    "a norm before the convolution": lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)),
    "TorchScript": lambda: torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))),
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")
@pytest.mark.parametrize("why", UNPROVEN)
def test_what_is_not_proven_stays_as_it_is_bit_by_bit(why: str) -> None:
    network = prepared(UNPROVEN[why]())
    images = images_for(8)
    expected, before = network(images), computing_otherwise(network)
    with folded(network):
        assert computing_otherwise(network) == before
        assert torch.equal(network(images), expected)


def test_a_norm_in_train_mode_is_not_folded() -> None:
    network = prepared(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    network[1].train()
    with folded(network):
        assert not computing_otherwise(network)


def test_who_listens_in_hears_what_the_model_computes() -> None:
    network = prepared(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    heard: list[Tensor] = []
    hook = network[0].register_forward_hook(lambda module, inputs, output: heard.append(output))
    images = images_for(8)
    with folded(network):
        network(images)
    hook.remove()
    assert torch.equal(heard[0], network[0](images))
    counted: list[int] = []
    network.register_forward_hook(lambda module, inputs, output: counted.append(len(output)))
    with folded(network):  # a hook of the whole model may stay
        assert computing_otherwise(network) == ["0", "1"]
        network(images)
    assert counted == [4]


def test_who_listens_to_all_modules_hears_what_the_model_computes() -> None:
    network = prepared(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    heard: list[Tensor] = []
    hook = nn.modules.module.register_module_forward_hook(lambda module, inputs, output: heard.append(output))
    try:
        with folded(network):
            network(images_for(8))
        assert torch.equal(heard[0], network[0](images_for(8)))
    finally:
        hook.remove()


class Noting(Aside):
    """Notes all that it sees, draws what it likes, and is told by which of two norms to go."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.BatchNorm2d(4)
        self.goes_by_the_other = False
        self.seen: list[Tensor] = []
        self.last: Tensor | None = None
        self.calls = 0
        self.register_buffer("count", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        self.count += 1
        self.last = images
        self.seen.append(images)
        norm = self.other if self.goes_by_the_other else self.norm
        logits: Tensor = norm(self.convolution(images)).flatten(1)
        return logits + 0 * torch.randn(1).double()


def test_how_a_network_is_called_is_found_without_a_trace_in_it() -> None:
    network = prepared(Noting())
    network.last = "nothing yet"
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with folded(network):
        assert computing_otherwise(network) == ["convolution", "norm"]
    assert torch.equal(torch.rand(3), expected)
    assert (network.calls, network.seen, network.last, network.count) == (0, [], "nothing yet", 0)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_that_goes_by_another_norm_now_is_looked_at_anew() -> None:
    network = prepared(Noting())
    images = images_for(8)
    for other in (False, True, False):
        network.goes_by_the_other = other
        expected = network(images)
        with folded(network):
            assert computing_otherwise(network) == ["convolution", "other" if other else "norm"]
            torch.testing.assert_close(network(images), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_that_is_made_meanwhile_is_one_of_its_own(copied: Callable[[nn.Module], nn.Module]) -> None:
    network = prepared(batch_norm_net())
    images = images_for(8, channels=1)
    expected = network(images)
    with folded(network):
        twin = copied(network)
    assert torch.equal(twin(images), expected)
    with torch.no_grad():
        twin[0].weight.mul_(2)
    expected_of_twin = twin(images)
    assert not torch.equal(expected_of_twin, expected)
    assert torch.equal(network(images), expected)
    with folded(twin):
        torch.testing.assert_close(twin(images), expected_of_twin, rtol=1e-10, atol=1e-10)
        assert not torch.equal(twin(images), expected_of_twin)  # folded like any other


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_norm_of_32_bits_after_a_convolution_of_16(dtype: torch.dtype) -> None:
    network = prepared(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3))).to(dtype)
    network[1].float()
    images = images_for(8).to(dtype)
    expected = network(images)
    with folded(network):
        assert computing_otherwise(network) == ["0", "1"]
        found = network(images)
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


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
