"""A disc and a line across the unit square: areas, and the shares that are ratios of them.

The instances are uniform on the square, those in the disc positive; a linear classifier calls those above the line
x₂ = b positive, and every attack on it goes straight up or down (Tao et al. 2022, Appendix E.2).
"""

from __future__ import annotations

import numpy as np

RADIUS, CENTRE = 0.4, 0.5
DISC = np.pi * RADIUS**2
"""Its area, the share of positive instances."""

QUANTITIES = {
    "R_nat": "R_nat",
    "precision": "precision",
    "recall": "recall",
    "R_adv_plus": "R_adv⁺",
    "R_hyp_minus": "R_hyp⁻",
}
"""What is found at every threshold, and how papers write it."""


def below(height: np.ndarray) -> np.ndarray:
    """The area of the disc below the line x₂ = `height`: a sector, less or more two triangles."""
    over_centre = np.clip(np.asarray(height, dtype=float) - CENTRE, -RADIUS, RADIUS)
    sector = RADIUS**2 * (np.pi - np.arccos(over_centre / RADIUS))
    return sector + over_centre * np.sqrt(RADIUS**2 - over_centre**2)


def areas(b: np.ndarray, epsilon: float) -> dict[str, np.ndarray]:
    """Areas by name, at thresholds `b` in [0, 1].

    "tp", "fp", "fn" and "tn" are true and false positives and negatives; with "_near" those within ε of the line.
    """
    b = np.asarray(b, dtype=float)
    low, high = np.maximum(b - epsilon, 0), np.minimum(b + epsilon, 1)
    above_near, below_near = below(high) - below(b), below(b) - below(low)  # of the disc
    return {
        "tp": DISC - below(b),
        "fp": 1 - b - (DISC - below(b)),
        "fn": below(b),
        "tn": b - below(b),
        "tp_near": above_near,
        "fp_near": high - b - above_near,
        "fn_near": below_near,
        "tn_near": b - low - below_near,
    }


def ratios(b: np.ndarray, epsilon: float) -> dict[str, np.ndarray]:
    """Those in `QUANTITIES` at thresholds `b` in [0, 1]; precision is NaN where nothing is called positive."""
    area = areas(b, epsilon)
    wrong, right = area["fp"] + area["fn"], area["tp"] + area["tn"]
    positive = area["tp"] + area["fp"]
    return {
        "R_nat": wrong,
        "precision": np.divide(area["tp"], positive, out=np.full_like(positive, np.nan), where=positive > 0),
        "recall": area["tp"] / DISC,
        "R_adv_plus": (area["tp_near"] + area["tn_near"]) / right,
        "R_hyp_minus": (area["fp_near"] + area["fn_near"]) / wrong,
    }


def tradeoff() -> tuple[float, float]:
    """Between which thresholds precision rises while recall falls: the dotted lines of Figure 11.

    Below the disc's lowest point recall stays 1; beyond the upper end, where precision is largest, both fall.
    """
    from scipy.optimize import minimize_scalar

    low, high = CENTRE - RADIUS, CENTRE + RADIUS

    def precision(b: float) -> float:
        return float(ratios(np.array([b]), RADIUS)["precision"][0])

    largest = minimize_scalar(lambda b: -precision(b), bounds=(low, high), method="bounded")
    return low, float(largest.x)
