"""Networks that note what they do, change their ways, are copied or mix precisions, folded all the same."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from folded_models import Aside, computing_otherwise, images_for, prepared
from small_models import batch_norm_net
from torch import Tensor, nn

from hypo.attacks.folded import folded


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
