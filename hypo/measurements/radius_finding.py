"""Radii, described: curves over ε, medians, and a column; beside them what is certified."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch

from hypo.measurements.epsilon_curve import ABOUT, curves
from hypo.measurements.finding import Column, Curve, Finding, Number
from hypo.settings.errors import CertificateError

UNIT = "units of the image range"

STEPS = 20
"""How many parts the range of the curves is cut into."""

_CERTIFIED = {
    "A": "correct predictions that no adversary whatever breaks, a lower bound of A",
    "F": "correct predictions, and mistakes that some false friend might hide, an upper bound of F",
    "R_adv_plus": "correct predictions that some adversary might break, an upper bound of R_adv⁺",
    "R_hyp_minus": "mistakes that some false friend might hide, an upper bound of R_hyp⁻",
}


@dataclass(frozen=True)
class Radii:
    """How far the nearest point is that breaks a correct prediction or hides a mistake; (examples,) arrays.

    Attributes:
        example: index in the test set, int64.
        correct: bool, of the clean images.
        looked_at: bool.
        found: float64, infinite where nothing was found or looked for.
        certified: float64, that no such point is nearer than this; None where nothing is certified.
    """

    example: np.ndarray
    correct: np.ndarray
    looked_at: np.ndarray
    found: np.ndarray
    certified: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.certified is None or not (wrong := self.found < self.certified).any():
            return
        first = int(np.flatnonzero(wrong)[0])
        raise CertificateError(
            f"{int(wrong.sum())} examples were reached nearer than certified, first {self.example[first]}, "
            f"at {self.found[first]:.6g} within {self.certified[first]:.6g}"
        )


def finding(radii: Radii, epsilons: Collection[float], norm: str, suffix: str = "") -> Finding:
    """What follows from `radii`.

    Args:
        epsilons: where the curves have points.
        norm: as a reader writes it.
        suffix: of the numbers' names, where the norm is not the run's.
    """
    about = f"smallest {norm} perturbation found that breaks a correct prediction or hides a mistake, in {UNIT}"
    columns = {"radius": Column(np.where(np.isfinite(radii.found), radii.found, np.nan), about)}
    drawn = _curves(radii.found, radii, epsilons, norm)
    numbers = _medians(radii.found, radii, norm, "", "an upper bound", suffix)
    if radii.certified is not None:
        about = f"no smaller {norm} perturbation breaks the correct prediction or hides the mistake, in {UNIT}"
        columns["certified_radius"] = Column(radii.certified, about)
        drawn += _curves(radii.certified, radii, epsilons, norm, is_certified=True)
        numbers |= _medians(radii.certified, radii, norm, "certified ", "a lower bound", f"{suffix}_certified")
    return Finding(f"Radii, {norm}", curves=drawn, columns=columns, numbers=numbers)


def grid(up_to: float, epsilons: Collection[float]) -> list[float]:
    """Equal steps from 0 to `up_to`, without those that fall on one of `epsilons`, and these."""
    steps = (float(f"{up_to * step / STEPS:.6g}") for step in range(STEPS + 1))
    apart = [step for step in steps if all(abs(step - each) > up_to / 1000 for each in epsilons)]
    return sorted({*apart, *epsilons})


def _curves(
    radius: np.ndarray, radii: Radii, epsilons: Collection[float], norm: str, *, is_certified: bool = False
) -> tuple[Curve, ...]:
    correct = torch.from_numpy(radii.correct[radii.looked_at])
    points = [(epsilon, torch.from_numpy(radius[radii.looked_at] <= epsilon)) for epsilon in epsilons]
    if is_certified:
        return curves(points, correct, norm, _CERTIFIED, "_certified")
    return curves(points, correct, norm, ABOUT)


def _medians(radius: np.ndarray, radii: Radii, norm: str, kind: str, bound: str, suffix: str) -> dict[str, Number]:
    """Over the mistakes and over the correct predictions; unknown where half of them or more are unknown."""
    of = {
        "hypocritical": ("HR", "the mistakes", ~radii.correct),
        "adversarial": ("AR", "the correct predictions", radii.correct),
    }
    found = {}
    for name, (symbol, whose, chosen) in of.items():
        values = radius[chosen & radii.looked_at]
        median = float(np.median(values)) if len(values) else np.inf
        about = f"median {kind}{name} radius of {whose}, {norm}, {bound}"
        written = f"{symbol}{suffix.replace('_', ' ')}"
        found[f"{name}_radius{suffix}"] = Number(median if np.isfinite(median) else None, about, written, UNIT)
    return found
