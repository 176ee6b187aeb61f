"""The smoothed model: what is known of a linear one in closed form, and what attacks may not find."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from composing import cell
from small_models import batch_norm_net, linear_model
from subjects import subject
from torch import Tensor, nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.certificates import confidence
from hypo.certificates.smoothed import NoisyAverage, Smoothed
from hypo.datasets.images import Split
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.measurement import Subject
from hypo.measurements.smoothing import Smoothing
from hypo.settings.errors import CertificateError, InputError

SIGMA = 0.5
ATTACK = ProjectedGradient(steps=5, relative_step=0.5)


def on_a_line(count: int = 24) -> tuple[Subject, np.ndarray]:
    """Two classes with a plane between them, and how far each image is from it; a third of them mistakes."""
    direction = torch.tensor([[3.0, -4.0, 12.0, 0.0]]) / 13
    model = linear_model(torch.cat([-direction, direction]), torch.tensor([0.3, -0.3]))
    pixels = torch.randint(256, (count, 1, 2, 2), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    away = (pixels.flatten(1) / 255 @ direction.T).squeeze(1) - 0.3
    right = torch.arange(count) % 3 > 0
    labels = torch.where(right, away > 0, away <= 0).long()
    measured = subject(model, Split(pixels, labels), 255, L2(0.25), Evaluation(ATTACK), classes=2)
    return measured, away.abs().double().numpy()


def test_of_a_linear_model_the_radius_is_the_distance_to_the_plane() -> None:
    """P(f(x + δ) = c) is Φ(distance / σ), and σ·Φ⁻¹ of it the distance: g is f, and samples fall short a bit."""
    of, away = on_a_line()
    found = Smoothing(SIGMA, samples=20_000, examples=None, attack=ATTACK, copies=16).measure(of)
    radius = found.columns["smoothed_radius"].values
    assert bool((radius <= away).all())
    near = away < 1  # further away, all samples agree, and say no more
    assert float((away - radius)[near].max()) < 0.05
    names = found.columns["smoothed_prediction"].values
    sure = away > 0.1
    assert [names[at] for at in np.flatnonzero(sure)] == [
        f"class {of.flags.clean_prediction[at]}" for at in np.flatnonzero(sure)
    ]
    for name in ("A", "F", "R_adv_plus", "R_hyp_minus", "R_sta_minus"):
        share, bound = found.shares[f"{name}_smoothed"], found.shares[f"{name}_smoothed_certified"]
        assert bound.bounds == f"{name}_smoothed"
        low, high = (bound, share) if name == "A" else (share, bound)
        assert low.share.count <= high.share.count
    correct, wrong = of.flags.correct & sure, ~of.flags.correct & sure
    assert found.shares["R_adv_plus_smoothed"].share.count >= int((correct & (away < 0.2)).sum()) > 0
    assert found.shares["R_hyp_minus_smoothed"].share.count >= int((wrong & (away < 0.2)).sum()) > 0
    assert (
        found.shares["R_hyp_minus_smoothed_certified"].share.count < found.shares["R_hyp_minus_smoothed"].share.of
    )
    (curve,) = (each for each in found.curves if each.name == "R_adv_plus_smoothed_certified")
    assert [point.share.count for point in curve.points] == sorted(point.share.count for point in curve.points)


def test_what_is_found_above_what_is_certified_fails_the_run_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probabilities that no sample vouches for certify what an attack then breaks."""
    of, _ = on_a_line()
    monkeypatch.setattr(confidence, "at_least", lambda count, samples, alpha: np.full(np.shape(count), 0.999))
    monkeypatch.setattr(confidence, "at_most", lambda count, samples, alpha: np.full(np.shape(count), 0.001))
    for flags, what in ((of.flags.correct, "attacked"), (~of.flags.correct, "hidden")):
        kept = np.flatnonzero(flags)
        split = of.data.test.select(torch.from_numpy(kept))
        part = subject(of.model, split, 255, L2(0.25), Evaluation(ATTACK), classes=2)
        with pytest.raises(CertificateError, match=rf"examples certified as never to be {what} were, first \d+$"):
            Smoothing(SIGMA, examples=None, attack=ATTACK).measure(part)


def test_votes_are_an_examples_own_and_count_every_sample() -> None:
    of, _ = on_a_line(6)
    images, examples = of.test.images.float() / 255, torch.arange(6)
    votes = Smoothed(of.model, SIGMA, 0, batch=7).votes(images, examples, 50, "test")
    assert votes.sum(1).tolist() == [50] * 6
    reversed_ = Smoothed(of.model, SIGMA, 0, batch=7).votes(images.flip(0), examples.flip(0), 50, "test")
    np.testing.assert_array_equal(votes, reversed_[::-1])
    other = Smoothed(of.model, SIGMA, 1, batch=7).votes(images, examples, 50, "test")
    assert bool((votes != other).any())


class Shifted(nn.Module):
    """Logits that are the mean pixel and nought."""

    def forward(self, images: Tensor) -> Tensor:
        mean = images.flatten(1).mean(1)
        return torch.stack([mean, torch.zeros_like(mean)], 1)


def test_what_the_attack_climbs_is_the_mean_softmax_of_the_copies() -> None:
    images, noise = torch.rand(3, 1, 2, 2), torch.randn(4, 3, 1, 2, 2)
    found = NoisyAverage(Shifted(), noise)(images).exp()
    means = (images + noise).flatten(2).mean(2)
    torch.testing.assert_close(found[:, 0], torch.sigmoid(means).mean(0))
    torch.testing.assert_close(found.sum(1), torch.ones(3))


def test_any_model_can_be_smoothed_and_is_left_as_found() -> None:
    images = torch.randint(256, (12, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    test = Split(images, torch.arange(12) % 4)
    model = batch_norm_net().eval()
    of = subject(model, test, 255, Linf(0.1), Evaluation(ATTACK), classes=4)
    told: list[tuple[int, int]] = []
    of = replace(of, progress=lambda done, total: told.append((done, total)))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    found = Smoothing(0.1, 0.3, samples=60, examples=5, attack=ATTACK, copies=250).measure(of)
    assert found.shares["D_smoothed"].share.of == 5
    looked_at = ~np.isnan(found.columns["smoothed_radius"].values)
    assert (looked_at.sum(), len(looked_at)) == (5, 12)
    assert told == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_run_in_another_norm_needs_a_radius() -> None:
    cell("measurement=[smoothing]", "threat_model=l2").experiment.check()
    cell("measurement=[smoothing]", "measurement.smoothing.epsilon=0.5").experiment.check()
    with pytest.raises(InputError, match=r"^measurement\.smoothing\.epsilon: takes a radius in ℓ2, or null with"):
        cell("measurement=[smoothing]").experiment.check()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"sigma": 0.0}, {"epsilon": -1}, {"samples": 0}, {"samples_selecting": 0.5}),
        *({"copies": 0}, {"examples": 0}, {"alpha": 0.0}, {"alpha": 1.0}),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"^{next(iter(wrong))}: takes "):
        Smoothing(**wrong)
