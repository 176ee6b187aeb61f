"""What is certain, with a confidence, of a classifier whose votes are samples.

Moving an image by ‖Δ‖₂ changes Φ⁻¹(P) of the probability of any one class under noise of σ by no more than ‖Δ‖₂ /
σ. So a class A is the most frequent one all over the ball of radius σ·Φ⁻¹(p_A), if its probability is at least p_A
>= ½, and a class B is not within σ / 2·(Φ⁻¹(p_A) − Φ⁻¹(p_B)), if its probability is at most p_B (Cohen, Rosenfeld
and Kolter, "Certified Adversarial Robustness via Randomized Smoothing", 2019, Theorem 1). All arrays have one
shape, or are numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

Numbers = Any
"""A number, or an array of them."""


def at_least(count: Numbers, samples: int, alpha: Numbers) -> np.ndarray:
    """A probability that exceeds the true one no more often than `alpha` (Clopper and Pearson 1934).

    Args:
        count: how many of `samples` came out so, int.
    """
    count = np.asarray(count)
    return np.where(count > 0, stats.beta.ppf(alpha, np.maximum(count, 1), samples - count + 1), 0.0)


def at_most(count: Numbers, samples: int, alpha: Numbers) -> np.ndarray:
    """A probability that the true one exceeds no more often than `alpha`."""
    return 1 - at_least(samples - np.asarray(count), samples, alpha)


def radius_of(probability: Numbers, sigma: float) -> np.ndarray:
    """How far a class of at least that probability is the most frequent; <= 0 where it need not be at all."""
    return sigma * stats.norm.ppf(probability)


def radius_against(leading: Numbers, other: Numbers, sigma: float) -> np.ndarray:
    """How far a class of at least the probability `leading` is more frequent than one of at most `other`."""
    return sigma / 2 * (stats.norm.ppf(leading) - stats.norm.ppf(other))


def winner(counts: np.ndarray, alpha: float) -> int:
    """The class named most often, or −1 where the next one may be as frequent (Cohen et al. 2019, PREDICT).

    It is another than the most frequent one no more often than `alpha`.

    Args:
        counts: (classes,) votes.
    """
    second, first = np.argsort(counts, kind="stable")[-2:]
    test = stats.binomtest(int(counts[first]), int(counts[first] + counts[second]), 0.5)
    return int(first) if test.pvalue <= alpha else -1
