from __future__ import annotations

import torch
from torch import nn

from hypo.architectures.normalised import Normalised

MEAN, STD = (0.5, 0.25, 0.0), (0.5, 0.25, 2.0)


def model() -> Normalised:
    return Normalised(nn.Flatten(), MEAN, STD)


def test_mean_and_std_by_channel():
    images = torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1).expand(2, 3, 2, 2)
    expected = torch.tensor([-1.0, 1.0, 0.5]).repeat_interleave(4).expand(2, 12)
    assert torch.equal(model()(images), expected)


def test_mean_0_and_std_1_change_nothing():
    images = torch.rand(2, 1, 4, 4)
    assert torch.equal(Normalised(nn.Identity(), [0.0], [1.0])(images), images)


def test_the_gradient_is_in_units_of_the_image():
    images = torch.rand(2, 3, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(model()(images).sum(), images)
    assert torch.equal(gradient, (1 / torch.tensor(STD)).view(1, 3, 1, 1).expand_as(images))


def test_mean_and_std_are_saved_and_not_trained():
    saved = Normalised(nn.Linear(2, 2), MEAN, STD)
    assert torch.equal(saved.state_dict()["mean"].flatten(), torch.tensor(MEAN))
    assert torch.equal(saved.state_dict()["std"].flatten(), torch.tensor(STD))
    assert {name for name, _ in saved.named_parameters()} == {"network.weight", "network.bias"}
    loaded = Normalised(nn.Linear(2, 2), (0.0,) * 3, (1.0,) * 3)
    loaded.load_state_dict(saved.state_dict())
    assert torch.equal(loaded.get_buffer("std"), saved.get_buffer("std"))


def test_memory_layout_and_precision_are_kept():
    images = torch.rand(2, 3, 4, 4, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    normalised = Normalised(nn.Identity(), MEAN, STD).double()(images)
    assert normalised.is_contiguous(memory_format=torch.channels_last)
    assert normalised.dtype == torch.float64
