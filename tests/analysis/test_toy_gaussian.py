"""The theorems on two Gaussians: each formula held against a computation that does not know it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.toys import gaussian, robust_gaussian
from analysis.toys.check import deviation

COVARIANCE = np.array([[36.0, 9.0], [9.0, 4.0]])
MEAN = np.array([6.0, 3.0])

spectra = st.lists(st.floats(0.2, 50), min_size=2, max_size=4)


def turned(values: list[float], seed: int) -> np.ndarray:
    """A covariance with these eigenvalues, along random axes."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))
    return np.asarray((axes * values) @ axes.T)


@settings(max_examples=25, deadline=None)
@given(spectra, st.floats(1.1, 20), st.integers(0, 99))
def test_the_adversary_ends_where_its_objective_is_largest(values: list[float], units: float, seed: int) -> None:
    """z + δ is CΣ(CΣ − I)⁻¹z, and no step from there gains anything."""
    covariance, penalty = turned(values, seed), units / min(values)
    z = np.random.default_rng(seed).standard_normal((5, len(values)))
    found = robust_gaussian.attacked(z, covariance, penalty)
    stretched = penalty * covariance
    expected = z @ np.linalg.inv(stretched - np.eye(len(values))) @ stretched
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("units", [1.5, 2, 5])
def test_the_first_theorem_is_what_sampling_finds(units: float) -> None:
    covariance = np.diag([3.0, 1.0, 0.5])
    penalty = units / 0.5
    z = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, size=50_000)
    perturbed = robust_gaussian.attacked(z, covariance, penalty)
    inverse = np.linalg.inv(covariance)
    gained = ((perturbed @ inverse) * perturbed - (z @ inverse) * z).sum(1)
    formula = robust_gaussian.vulnerability(covariance, penalty)
    assert abs(gained.mean() - formula) < 5 * gained.std() / 50_000**0.5
    # With the half that the likelihood has, it is half of it, so that these conventions are the theorem's.
    assert abs(gained.mean() / 2 - formula) > 50 * gained.std() / 50_000**0.5


@settings(max_examples=40, deadline=None)
@given(spectra, st.floats(1.05, 10))
def test_of_one_trace_the_round_covariance_is_least_vulnerable(values: list[float], units: float) -> None:
    penalty, d = units / min(values), len(values)
    round_one = np.eye(d) * sum(values) / d
    least = robust_gaussian.vulnerability(round_one, penalty)
    assert least <= robust_gaussian.vulnerability(np.diag(values), penalty) * (1 + 1e-9) + 1e-9


@settings(max_examples=40, deadline=None)
@given(spectra, st.floats(0.01, 30), st.integers(0, 99))
def test_the_robust_covariance_is_that_of_what_the_adversary_makes(
    values: list[float], epsilon: float, seed: int
) -> None:
    """It is a fixed point: the likeliest covariance of samples that are attacked at it, with all of the budget."""
    covariance, unit = turned(values, seed), np.eye(len(values))
    multiplier = robust_gaussian.multiplier(covariance, epsilon)
    robust = robust_gaussian.robust_covariance(covariance, multiplier)
    moved = np.linalg.inv(multiplier * robust - unit)  # δ = moved·z
    assert (unit + moved) @ covariance @ (unit + moved).T == pytest.approx(robust, rel=1e-5, abs=1e-6)
    assert np.trace(moved @ covariance @ moved.T) == pytest.approx(epsilon**2, rel=1e-5)


def test_without_an_adversary_the_truth_is_learnt() -> None:
    assert robust_gaussian.multiplier(COVARIANCE, 0) == np.inf
    assert robust_gaussian.robust_covariance(COVARIANCE, np.inf) == pytest.approx(COVARIANCE)


def test_the_robust_loss_is_what_an_adversary_reaches_on_samples() -> None:
    """By projected steps of all samples' δ under one mean square, from the definition."""
    z = np.random.default_rng(1).standard_normal((400, 2)) @ np.linalg.cholesky(COVARIANCE).T
    moment, epsilon = z.T @ z / len(z), 1.5
    model = np.array([[30.0, 4.0], [4.0, 5.0]])
    inverse, delta = np.linalg.inv(model), np.full_like(z, 1e-3)
    for _ in range(2000):
        delta = delta + (z + delta) @ inverse
        delta *= epsilon / ((delta**2).sum(1).mean()) ** 0.5
    reached = np.linalg.slogdet(model)[1] + (((z + delta) @ inverse) * (z + delta)).sum(1).mean()
    multipliers = np.exp(np.linspace(np.log(1.001 / np.linalg.eigvalsh(model)[0]), 3, 20_000))
    bounds = [
        robust_gaussian.robust_loss(np.zeros(2), model, at, (np.zeros(2), moment), epsilon) for at in multipliers
    ]
    assert min(bounds) == pytest.approx(reached, rel=1e-4)
    assert min(bounds) >= reached - 1e-9


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 10.0])
def test_the_second_theorem_is_what_minimising_the_robust_loss_finds(epsilon: float) -> None:
    mean, covariance, multiplier = robust_gaussian.learned((MEAN, COVARIANCE), epsilon)
    known = robust_gaussian.multiplier(COVARIANCE, epsilon)
    assert mean == pytest.approx(MEAN, abs=1e-4)
    assert multiplier == pytest.approx(known, rel=1e-4)
    assert covariance == pytest.approx(robust_gaussian.robust_covariance(COVARIANCE, known), rel=1e-4)


@settings(max_examples=10, deadline=None)
@given(spectra, st.integers(0, 99))
def test_no_mean_has_a_smaller_cosine_than_the_third_theorem_says_and_one_has_it(
    values: list[float], seed: int
) -> None:
    covariance = turned(values, seed)
    least = robust_gaussian.least_cosine(covariance)
    means = np.random.default_rng(seed).standard_normal((200, len(values)))
    assert min(robust_gaussian.cosine(mean, covariance) for mean in means) >= least - 1e-9
    spectrum, axes = np.linalg.eigh(covariance)
    worst = np.sqrt(spectrum[0]) * axes[:, 0] + np.sqrt(spectrum[-1]) * axes[:, -1]
    assert robust_gaussian.cosine(worst, covariance) == pytest.approx(least)
    assert robust_gaussian.least_cosine_found(covariance, seed) == pytest.approx(least, abs=1e-5)


def test_the_more_an_adversary_may_the_better_is_the_gradient_aligned() -> None:
    cosines = []
    for epsilon in (0, 0.5, 1, 3, 10):
        multiplier = robust_gaussian.multiplier(COVARIANCE, epsilon)
        cosines.append(robust_gaussian.least_cosine(robust_gaussian.robust_covariance(COVARIANCE, multiplier)))
    assert cosines == sorted(cosines)
    assert cosines[0] < 0.4 < 0.95 < cosines[-1]


def test_the_table_agrees() -> None:
    found = gaussian.toy((0, 1, 10), 20_000, 2, (6, 3), (36, 9, 4))
    assert {check.where["theorem"] for check in found.checks} == {"1", "2", "3"}
    for check in found.checks:
        if check.error is None:
            assert check.found == pytest.approx(check.formula, rel=1e-3, abs=1e-3)
        else:
            assert abs(deviation(check)) < 5
