"""What an adversary costs a Gaussian model, and the model that reckons with one (Ilyas et al. 2019, Section 4).

Throughout z = x − y·μ ~ N(0, Σ*), of dimension d, and the loss of a model (μ, Σ) is log det Σ + zᵀΣ⁻¹z, twice the
negative log-likelihood without its constant: the formula of Theorem 1 holds for that, and with the half would be
half as large. The adversary's penalty is C·‖δ‖², squared, and not part of the loss.
"""

from __future__ import annotations

import numpy as np


def vulnerability(covariance: np.ndarray, penalty: float) -> float:
    """By how much the adversary raises the loss of the true model: tr[(I + (CΣ* − I)⁻¹)²] − d (Theorem 1).

    Args:
        penalty: C, larger than 1 / the least eigenvalue of `covariance`, or there is no best perturbation.
    """
    unit = np.eye(len(covariance))
    stretch = unit + np.linalg.inv(penalty * covariance - unit)
    return float(np.trace(stretch @ stretch) - len(covariance))


def attacked(z: np.ndarray, covariance: np.ndarray, penalty: float) -> np.ndarray:
    """(samples, d) the perturbed `z`, by steps up the gradient of the adversary's objective until none moves on.

    Steps of 1/(2C) contract towards the best point by 1/(C·least eigenvalue) each.
    """
    inverse = np.linalg.inv(covariance)
    delta = np.zeros_like(z)
    for _ in range(10_000):
        gradient = 2 * (z + delta) @ inverse - 2 * penalty * delta
        delta = delta + gradient / (2 * penalty)
        if np.abs(gradient).max() < 1e-9 * penalty:
            break
    return z + delta


def robust_covariance(covariance: np.ndarray, multiplier: float) -> np.ndarray:
    """Σ_r = ½Σ* + I/λ + (Σ*/λ + ¼Σ*²)^½ (Theorem 2); Σ* itself at λ = ∞."""
    values, axes = np.linalg.eigh(covariance)
    robust = values / 2 + 1 / multiplier + np.sqrt(values / multiplier + values**2 / 4)
    return np.asarray((axes * robust) @ axes.T)


def multiplier(covariance: np.ndarray, epsilon: float) -> float:
    """The λ of Theorem 2 for an adversary with E‖δ‖² ≤ ε².

    The theorem relaxes ‖δ‖ ≤ ε to that, so that λ is the same for every x. The best perturbation (λΣ_r − I)⁻¹z has
    E‖δ‖² = tr(Σ_r⁻¹)/λ², which falls with λ, and all of the budget is used. The theorem's own bounds on λ fit
    where its ε stands for the squared radius.
    """
    from scipy.optimize import brentq

    if epsilon == 0:
        return float("inf")

    def excess(logarithm: float) -> float:
        robust = robust_covariance(covariance, np.exp(logarithm))
        return float(np.log(np.trace(np.linalg.inv(robust))) - 2 * logarithm - 2 * np.log(epsilon))

    return float(np.exp(brentq(excess, -60.0, 60.0, xtol=1e-13)))


def robust_loss(
    mean: np.ndarray,
    covariance: np.ndarray,
    multiplier: float,
    truth: tuple[np.ndarray, np.ndarray],
    epsilon: float,
) -> float:
    """An upper bound of the robust loss of the model (`mean`, `covariance`), and at the best λ the loss itself.

    The adversary's maximum under E‖δ‖² ≤ ε² is the least over λ of λε² + E max_δ [(z + δ)ᵀΣ⁻¹(z + δ) − λ‖δ‖²], and
    that maximum is zᵀ(Σ − I/λ)⁻¹z.

    Args:
        multiplier: λ, larger than 1 / the least eigenvalue of `covariance`.
        truth: μ* and Σ*.
    """
    offset = truth[0] - mean
    second_moment = truth[1] + np.outer(offset, offset)
    narrowed = covariance - np.eye(len(covariance)) / multiplier
    quadratic = float(np.trace(np.linalg.solve(narrowed, second_moment)))
    return float(np.linalg.slogdet(covariance)[1]) + multiplier * epsilon**2 + quadratic


def learned(truth: tuple[np.ndarray, np.ndarray], epsilon: float) -> tuple[np.ndarray, np.ndarray, float]:
    """(μ_r, Σ_r, λ) by minimising the robust loss numerically over all of them, from μ = 0 and Σ − I/λ = I on."""
    from scipy.optimize import minimize

    d = len(truth[0])
    triangle = np.tril_indices(d)

    def model(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        root, multiplier = np.zeros((d, d)), float(np.exp(parameters[-1]))
        root[triangle] = parameters[d:-1]
        return parameters[:d], root @ root.T + np.eye(d) / multiplier, multiplier

    def loss(parameters: np.ndarray) -> float:
        return robust_loss(*model(parameters), truth, epsilon)

    start = np.concatenate([np.zeros(d), np.eye(d)[triangle], [-np.log(1 + epsilon)]])
    found = start
    for _ in range(3):  # from where it stopped, with a fresh idea of the curvature
        found = minimize(loss, found, method="BFGS", options={"gtol": 1e-9, "maxiter": 2000}).x
    return model(found)


def least_cosine(covariance: np.ndarray) -> float:
    """The least cos of the angle between μ and the classifier's gradient Σ⁻¹μ over all μ: 2√κ / (κ + 1).

    κ is the condition number of Σ (Theorem 3, with Kantorovich's inequality for its minimum).
    """
    values = np.linalg.eigvalsh(covariance)
    condition = float(values[-1] / values[0])
    return float(2 * np.sqrt(condition) / (condition + 1))


def cosine(mean: np.ndarray, covariance: np.ndarray) -> float:
    """cos of the angle between `mean` and the classifier's gradient Σ⁻¹μ."""
    gradient = np.linalg.solve(covariance, mean)
    return float(mean @ gradient / np.sqrt((mean @ mean) * (gradient @ gradient)))


def least_cosine_found(covariance: np.ndarray, seed: int) -> float:
    """The least `cosine` over means, by numerical minimisation from 20 random ones."""
    from scipy.optimize import minimize

    starts = np.random.default_rng(seed).standard_normal((20, len(covariance)))
    return min(float(minimize(cosine, start, args=(covariance,), method="BFGS").fun) for start in starts)
