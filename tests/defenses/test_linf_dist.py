"""The hinge loss of ℓ∞-dist nets, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hypo.architectures.normalised import Normalised
from hypo.attacks.threat_models.linf import Linf
from hypo.defenses.linf_dist import LinfDist
from hypo.settings.errors import InputError


class Given(nn.Module):
    """The same logits whatever the images."""

    def __init__(self, logits: list[list[float]]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, images: Tensor) -> Tensor:
        return self.logits


def loss(logits: list[list[float]], labels: list[int], epsilon: float, std: list[float]) -> Tensor:
    model = Normalised(Given(logits), [0.0] * len(std), std)
    images = torch.zeros(len(labels), len(std), 2, 2)
    found = LinfDist(radius=5.0).loss(model, images, torch.tensor(labels), Linf(epsilon), torch.Generator())
    return found.value


def test_it_is_three_quarters_of_the_worst_and_a_quarter_of_the_mean_violation() -> None:
    # ε_train = 5 · 0.01 / 0.25 = 0.2, so that others are to stay 0.4 behind the label.
    value = loss([[1.0, 0.9, 0.0]], [0], epsilon=0.01, std=[0.25])
    assert value.item() == pytest.approx(0.75 * 0.3 + 0.25 * (0.3 + 0.0) / 3)
    mistaken = loss([[1.0, 0.9, 0.0]], [2], epsilon=0.01, std=[0.25])
    assert mistaken.item() == pytest.approx(0.75 * 1.4 + 0.25 * (1.4 + 1.3) / 3)


def test_wide_margins_cost_nothing_and_batches_are_averaged() -> None:
    assert loss([[1.0, 0.0], [0.0, 1.0]], [0, 1], epsilon=0.01, std=[1.0]).item() == 0
    both = loss([[1.0, 0.0], [1.0, 0.0]], [0, 1], epsilon=0.01, std=[1.0])
    assert both.item() == pytest.approx((0.75 * 1.1 + 0.25 * 1.1 / 2) / 2)


def test_the_narrowest_channel_decides_how_far_a_ball_reaches() -> None:
    narrow = loss([[1.0, 0.9]], [0], epsilon=0.01, std=[0.5, 0.25])
    assert narrow.item() == loss([[1.0, 0.9]], [0], epsilon=0.01, std=[0.25]).item()


def test_the_radius_is_checked() -> None:
    with pytest.raises(InputError, match=r"^radius: takes a number > 0"):
        LinfDist(0)
