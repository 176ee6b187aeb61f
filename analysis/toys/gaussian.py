"""Two Gaussians, what an adversary makes of their likelihoods, and what is learnt with it in mind.

Section 4, Theorems 1 to 3 and Figure 4 of Ilyas et al. (2019): y = ±1 with equal chances, x ~ N(y·μ*, Σ*).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from analysis.toys import robust_gaussian as theory
from analysis.toys.check import Check, Toy
from analysis.toys.gaussian_picture import Model, figure
from hypo.settings import checks
from hypo.settings.errors import InputError

_ENTRIES = {"Σ₁₁": (0, 0), "Σ₁₂": (0, 1), "Σ₂₂": (1, 1)}
_PENALTY = 2.0
"""C of Theorem 1 in units of the least that it can be."""


def truth(mean: Sequence[float], covariance: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """μ* and Σ* from two numbers, and from Σ₁₁, Σ₁₂ and Σ₂₂.

    Raises:
        InputError: for other counts, a mean of 0, or what is no covariance.
    """
    if len(mean) != 2 or not any(mean):
        raise InputError(f"--mean: takes two numbers such as 6,3, not both 0, got {_listed(mean)}")
    if len(covariance) == 3:
        first, both, second = covariance
        if first > 0 and first * second > both**2:
            return np.array(mean), np.array([[first, both], [both, second]])
    expected = "three numbers Σ₁₁,Σ₁₂,Σ₂₂ such as 36,9,4 with Σ₁₁ > 0 and Σ₁₁·Σ₂₂ > Σ₁₂²"
    raise InputError(f"--covariance: takes {expected}, got {_listed(covariance)}")


def toy(
    epsilons: Sequence[float], samples: int, seed: int, mean: Sequence[float], covariance: Sequence[float]
) -> Toy:
    """The three theorems by their formulas and without, and what is learnt at each of `epsilons`."""
    for epsilon in epsilons:
        checks.number("--epsilon", epsilon, at_least=0)
    true = truth(mean, covariance)
    z = np.random.default_rng(seed).multivariate_normal(np.zeros(2), true[1], size=samples, method="cholesky")
    label = np.random.default_rng(seed + 1).choice([-1, 1], size=samples)
    signed = label[:, None] * (label[:, None] * true[0] + z)  # y·x, of mean μ*
    likeliest = signed.mean(0), np.cov(signed.T, bias=True)
    rows = [*_first(true[1], z), *_maximum_likelihood(true, likeliest, samples)]
    models = [Model("maximum likelihood", *likeliest)]
    for epsilon in epsilons:
        robust = theory.robust_covariance(true[1], theory.multiplier(true[1], epsilon))
        name = f"robust at ε = {epsilon:g}" if epsilon else "true parameters (ε = 0)"
        models.append(Model(name, true[0], robust))
        rows += [*(_second(true, robust, epsilon) if epsilon else ()), *_third(robust, epsilon, seed)]
    notes = (
        f"μ* = ({_listed(true[0])}), Σ* = ({_listed(true[1][0])}; {_listed(true[1][1])}), of which the paper "
        f"prints neither; {samples} samples, seed {seed}.",
        "Theorem 1: losses are log det Σ + zᵀΣ⁻¹z without the half, the penalty is C·‖δ‖² with C = "
        f"{_penalty(true[1]):.4g} and not part of the loss; found by climbing from each sample.",
        "Theorem 2: found by minimising the robust loss over μ, Σ and λ, the adversary's E‖δ‖² being at most ε².",
        "Theorem 3: cos of the angle between μ and the gradient Σ⁻¹μ, least over μ; found by minimising it.",
    )
    return Toy("Gaussian: robust and non-robust features", rows, notes, figure(models, seed))


def _penalty(covariance: np.ndarray) -> float:
    return _PENALTY / float(np.linalg.eigvalsh(covariance)[0])


def _first(covariance: np.ndarray, z: np.ndarray) -> Iterator[Check]:
    """What the adversary adds to the loss, and with which of the covariances of this trace it is least."""
    from scipy.optimize import minimize_scalar

    penalty, inverse = _penalty(covariance), np.linalg.inv(covariance)
    perturbed = theory.attacked(z, covariance, penalty)
    gained = ((perturbed @ inverse) * perturbed).sum(1) - ((z @ inverse) * z).sum(1)
    formula = theory.vulnerability(covariance, penalty)
    error = float(gained.std(ddof=1) / len(gained) ** 0.5)
    yield Check(_of(1, "0"), "L_adv − L", formula, float(gained.mean()), error)
    total = float(np.trace(covariance))
    edge = 1.001 / (penalty * total)  # nearer to where the adversary's problem has no solution

    def of(part: float) -> float:
        return theory.vulnerability(np.diag([part * total, (1 - part) * total]), penalty)

    least = minimize_scalar(of, bounds=(edge, 1 - edge), method="bounded", options={"xatol": 1e-9})
    yield Check(_of(1, "0"), "least at Σ₁₁ / tr Σ =", 0.5, float(least.x))


def _maximum_likelihood(
    true: tuple[np.ndarray, np.ndarray], found: tuple[np.ndarray, np.ndarray], samples: int
) -> Iterator[Check]:
    """What is learnt without an adversary is what is true, up to sampling."""
    for at in range(2):
        error = float((true[1][at, at] / samples) ** 0.5)
        yield Check(_of(2, "0"), f"μ{'₁₂'[at]}", float(true[0][at]), float(found[0][at]), error)
    for name, (row, column) in _ENTRIES.items():
        spread = true[1][row, row] * true[1][column, column] + true[1][row, column] ** 2
        yield Check(
            *(_of(2, "0"), name, float(true[1][row, column]), float(found[1][row, column])),
            float((spread / samples) ** 0.5),
        )


def _second(true: tuple[np.ndarray, np.ndarray], robust: np.ndarray, epsilon: float) -> Iterator[Check]:
    """What is learnt against an adversary: the true mean, and Σ_r."""
    mean, covariance, multiplier = theory.learned(true, epsilon)
    where = _of(2, f"{epsilon:g}")
    yield Check(where, "λ", theory.multiplier(true[1], epsilon), multiplier)
    for at in range(2):
        yield Check(where, f"μ{'₁₂'[at]}", float(true[0][at]), float(mean[at]))
    for name, (row, column) in _ENTRIES.items():
        yield Check(where, name, float(robust[row, column]), float(covariance[row, column]))


def _third(robust: np.ndarray, epsilon: float, seed: int) -> Iterator[Check]:
    least = theory.least_cosine_found(robust, seed)
    yield Check(_of(3, f"{epsilon:g}"), "least cos", theory.least_cosine(robust), least)


def _of(theorem: int, epsilon: str) -> dict[str, str]:
    return {"theorem": str(theorem), "ε": epsilon}


def _listed(numbers: Sequence[float] | np.ndarray) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
