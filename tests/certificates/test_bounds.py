"""Bounds of logits: never broken, exact where they can be, the tighter the more is known."""

from __future__ import annotations

import pytest
import torch
from small_nets import CLASSES, NETS, bounds, differences, least_found, net

from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.certificates import bounds as engine
from hypo.certificates.bounds import Method

BALLS = [Linf(0.02), Linf(0.15), L2(0.1), L2(1.0)]


def images_of(shape: tuple[int, int, int], count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Images with black and white pixels among others, and labels."""
    images = (2 * torch.rand(count, *shape, generator=torch.Generator().manual_seed(2)) - 0.5).clamp(0, 1)
    return images, torch.arange(count) % CLASSES


@pytest.mark.parametrize("ball", BALLS, ids=str)
@pytest.mark.parametrize("name", NETS)
def test_nothing_that_is_tried_breaks_a_bound_and_linear_ones_are_never_looser(name: str, ball: Linf | L2) -> None:
    model, shape = net(name)
    images, label = images_of(shape)
    found = least_found(model, images, label, ball)
    loose, tight = (bounds(model, images, label, ball, method) for method in ("interval", "linear"))
    assert bool((tight <= found).all())
    assert bool((loose <= tight).all())
    others = torch.arange(CLASSES) != label[:, None]
    if name != "linear":
        assert float((tight - loose)[others].mean()) > 0.01 * float((found - loose)[others].mean())


@pytest.mark.parametrize("method", ["interval", "linear"])
@pytest.mark.parametrize("epsilon", [0.01, 0.3])
def test_of_a_linear_network_the_bound_is_the_smallest_difference(method: Method, epsilon: float) -> None:
    """In ℓ∞ that is at a corner of the ball's part in [0, 1]; in ℓ2, where no pixel gets there, ε‖w‖ below."""
    model, shape = net("linear")
    images, label = images_of(shape)
    weight = model.get_submodule("network.1").weight.detach() / model.std.repeat_interleave(12).view(-1)  # type: ignore
    rows = weight[label][:, None] - weight
    clean = differences(model(images), label)
    flat = images.flatten(1)[:, None]
    corner = torch.where(rows > 0, (flat - epsilon).clamp_min(0), (flat + epsilon).clamp_max(1))
    expected = clean + (rows * (corner - flat)).sum(2)
    torch.testing.assert_close(bounds(model, images, label, Linf(epsilon), method), expected, atol=2e-4, rtol=1e-4)
    inside = images.clamp(0.4, 0.6)
    there = differences(model(inside), label) - epsilon * rows.norm(dim=2)
    torch.testing.assert_close(bounds(model, inside, label, L2(epsilon), method), there, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NETS)
def test_in_a_ball_of_almost_nothing_the_bounds_are_the_differences(name: str) -> None:
    """As far as the margin for rounding lets them; in particular no constant is lost on the way."""
    model, shape = net(name)
    images, label = images_of(shape)
    found = bounds(model.double(), images.double(), label, Linf(1e-9), "linear")
    clean = differences(model(images.double()), label)
    torch.testing.assert_close(found, clean, atol=1e-2, rtol=0)
    assert bool((found <= clean).all())


@pytest.mark.parametrize("name", NETS)
def test_float32_bounds_stay_below_those_in_float64_without_any_margin(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, shape = net(name)
    images, label = images_of(shape)
    for ball in BALLS:
        for method in ("interval", "linear"):
            rounded = bounds(model.float(), images, label, ball, method)  # type: ignore[arg-type]
            with monkeypatch.context() as patched:
                patched.setattr("hypo.certificates.rounding.LAMBDA", 0.0)
                exact = bounds(model.double(), images.double(), label, ball, method)  # type: ignore[arg-type]
                none = bounds(model.float(), images, label, ball, method)  # type: ignore[arg-type]
            others = torch.arange(CLASSES) != label[:, None]
            margin = (exact - rounded)[others]
            assert float(margin.min()) > 0
            # What was allowed for is more than what rounding did, by far, and little beside the bounds themselves.
            assert float((none - exact).abs().max()) < 0.5 * float(margin.max())
            assert float(margin.max()) < 2e-3 * float(exact.abs().max() + 1)


def test_the_bounds_do_not_depend_on_how_much_is_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lenet", "pooled", "strided"):
        model, shape = net(name)
        images, label = images_of(shape, 5)
        whole = bounds(model, images, label, Linf(0.05), "linear")
        with monkeypatch.context() as patched:
            patched.setattr(engine, "AT_ONCE", {"cpu": 500})
            pieces = bounds(model, images, label, Linf(0.05), "linear")
        torch.testing.assert_close(pieces, whole, atol=1e-5, rtol=1e-5)


def test_layers_that_cost_too_much_are_bounded_by_intervals_and_the_rest_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, shape = net("lenet")
    images, label = images_of(shape)
    loose, tight = (bounds(model, images, label, Linf(0.05), method) for method in ("interval", "linear"))
    monkeypatch.setattr(engine, "AFFORDABLE", 0)
    between = bounds(model, images, label, Linf(0.05), "linear")
    assert bool((loose <= between).all())
    assert float(loose.sum()) < float(between.sum()) < float(tight.sum())
