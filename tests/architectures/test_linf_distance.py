"""ℓp distances against the plain formula, forward and backward, whole and in chunks."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hypo.architectures import linf_distance
from hypo.architectures.linf_distance import distances, distances_with_surrogate


def drawn(
    batch: int = 4, features: int = 7, units: int = 5, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(rows, features, generator=random, dtype=dtype).requires_grad_() for rows in (batch, units)
    )


@pytest.mark.parametrize("p", [1.0, 2.0, 8.0, 30.0, math.inf])
def test_it_is_the_norm_of_the_difference(p: float) -> None:
    inputs, weights = drawn()
    expected = torch.linalg.vector_norm(inputs[:, None] - weights, ord=p, dim=2)
    torch.testing.assert_close(distances(inputs, weights, p), expected)


@pytest.mark.parametrize("p", [1.5, 2.0, 8.0, 30.0])
def test_its_gradient_is_the_numerical_one(p: float) -> None:
    assert torch.autograd.gradcheck(lambda *tensors: distances(*tensors, p), drawn())  # type: ignore[arg-type]


@pytest.mark.parametrize("p", [8.0, 1000.0])
def test_chunks_make_no_difference(p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, weights = drawn(dtype=torch.float32)

    def found() -> list[Tensor]:
        result = distances(inputs, weights, p)
        return [result, *torch.autograd.grad(result.square().sum(), (inputs, weights))]

    whole = found()
    monkeypatch.setattr(linf_distance, "CHUNK", 2 * inputs.numel())
    for part, of_whole in zip(found(), whole, strict=True):
        torch.testing.assert_close(part, of_whole)


def test_no_more_differences_than_a_chunk_are_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linf_distance, "CHUNK", 1000)
    largest: list[int] = []
    plain = torch.Tensor.abs
    monkeypatch.setattr(torch.Tensor, "abs", lambda self: largest.append(self.numel()) or plain(self))
    inputs, weights = drawn(batch=10, features=20, units=50)
    distances(inputs, weights, 8.0).sum().backward()
    assert len(largest) == 2 * 10  # five units at a time, forward and backward
    assert max(largest) <= 1000


@pytest.mark.parametrize("p", [8.0, 300.0, 1000.0])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_nothing_overflows_and_nothing_is_lost(p: float, scale: float) -> None:
    inputs, weights = (scale * tensor.detach().float() for tensor in drawn())
    inputs[0] = weights[0]  # no difference at all
    inputs.requires_grad_()
    found = distances(inputs, weights, p)
    (gradient,) = torch.autograd.grad(found.sum(), inputs)
    assert found[0, 0] == 0
    assert found.isfinite().all()
    assert gradient.isfinite().all()
    largest = (inputs[:, None] - weights).abs().amax(2)
    assert (found >= largest * (1 - 1e-6)).all()
    assert (found <= largest * 7 ** (1 / p) * (1 + 1e-5)).all()


def test_a_surrogate_gives_the_distance_at_infinity_and_the_gradient_at_its_p() -> None:
    inputs, weights = drawn()
    found = distances_with_surrogate(inputs, weights, 30.0)
    assert torch.equal(found, distances(inputs, weights, math.inf))
    upstream = torch.randn_like(found)
    of_surrogate = torch.autograd.grad(found, (inputs, weights), upstream)
    of_finite = torch.autograd.grad(distances(inputs, weights, 30.0), (inputs, weights), upstream)
    for one, other in zip(of_surrogate, of_finite, strict=True):
        torch.testing.assert_close(one, other)
    (at_infinity,) = torch.autograd.grad(distances(inputs, weights, math.inf).sum(), inputs)
    assert (at_infinity == 0).sum() > (of_surrogate[0] == 0).sum() == 0
