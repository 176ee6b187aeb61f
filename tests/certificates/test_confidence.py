"""Bounds of probabilities from votes: those of the binomial test, wrong no more often than they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hypo.certificates import confidence


@pytest.mark.parametrize("samples", [1, 20, 1000])
@pytest.mark.parametrize("alpha", [0.2, 0.001])
def test_they_are_the_ends_of_the_exact_interval(samples: int, alpha: float) -> None:
    counts = np.unique([0, 1, samples // 3, samples - 1, samples])
    for count, low, high in zip(
        counts,
        confidence.at_least(counts, samples, alpha),
        confidence.at_most(counts, samples, alpha),
        strict=True,
    ):
        interval = stats.binomtest(int(count), samples).proportion_ci(1 - 2 * alpha, method="exact")
        assert (low, high) == pytest.approx((interval.low, interval.high), abs=1e-9)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.71])
def test_they_are_wrong_no_more_often_than_they_say(probability: float) -> None:
    """Over all that can come out, weighted by how likely it is."""
    alpha, counts = 0.05, np.arange(61)
    likely = stats.binom.pmf(counts, 60, probability)
    for wrong in (
        confidence.at_least(counts, 60, alpha) > probability,
        confidence.at_most(counts, 60, alpha) < probability,
    ):
        assert 0.01 < likely[wrong].sum() <= alpha


def test_the_radii_of_two_classes_are_those_of_one() -> None:
    """With two classes the other one has what the first one leaves."""
    leading = np.array([0.5, 0.7, 0.999])
    radii = confidence.radius_against(leading, 1 - leading, 0.5)
    np.testing.assert_allclose(radii, confidence.radius_of(leading, 0.5))
    np.testing.assert_allclose(confidence.radius_of(stats.norm.cdf(2.0), 0.25), 0.5)
    assert confidence.radius_of(confidence.at_least(0, 10, 0.01), 1.0) == -np.inf


def test_the_winner_is_one_that_is_beyond_doubt() -> None:
    assert confidence.winner(np.array([3, 60, 37]), 0.05) == 1  # 60 of 97 tosses: p = 0.025
    assert confidence.winner(np.array([3, 60, 37]), 0.01) == -1
    assert confidence.winner(np.array([50, 50]), 0.5) == -1
    assert confidence.winner(np.array([0, 0, 9]), 0.05) == 2
