"""A disc and a line: what makes a line harder to attack makes its mistakes easier to hide.

Appendix D of Tao et al. (2020); Appendix E.2 and Figures 9 to 12 of Tao et al. (2022). The instances are uniform
on the unit square, those within 0.4 of (0.5, 0.5) positive, and f(x) = sign(x₂ − b). An attack may move x by ε in
ℓ2 and, as the papers write the ball, out of the square; for b in (0, 1) that is worth nothing, since the way to
the line is straight up or down.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analysis.toys.check import Check, Toy, share
from analysis.toys.disc_and_line import CENTRE, QUANTITIES, RADIUS, ratios, tradeoff
from analysis.toys.example2_picture import figure
from hypo.settings import checks

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Those of the table."""


def counts(b: float, epsilon: float, samples: int, seed: int) -> Mapping[str, tuple[int, int]]:
    """Of each quantity how many of how many sampled examples, each looked at where its ball reaches furthest.

    Over a ball f is largest and smallest at x ± ε·(0, 1), so that no other point has to be looked at.
    """
    x = np.random.default_rng(seed).uniform(size=(samples, 2))
    label = np.hypot(*(x - CENTRE).T) < RADIUS
    called, highest, lowest = x[:, 1] > b, x[:, 1] + epsilon > b, x[:, 1] - epsilon > b
    wrong, moved = called != label, (highest != called) | (lowest != called)

    def of(subset: np.ndarray, whole: np.ndarray) -> tuple[int, int]:
        return int((subset & whole).sum()), int(whole.sum())

    return {
        "R_nat": of(wrong, np.ones_like(wrong)),
        "precision": of(label, called),
        "recall": of(called, label),
        "R_adv_plus": of(moved, ~wrong),
        "R_hyp_minus": of(moved, wrong),
    }


def remarks(epsilon: float) -> tuple[str, ...]:
    """What the curves say: where precision trades for recall, where risks are least, and how they move."""
    b = np.linspace(0, 1, 10_001)
    found = ratios(b, epsilon)
    least = ", ".join(
        f"{QUANTITIES[name]} at b = {b[found[name].argmin()]:.3f}"
        for name in ("R_nat", "R_hyp_minus", "R_adv_plus")
    )
    against = np.diff(found["R_adv_plus"]) * np.diff(found["R_hyp_minus"]) < 0
    low, high = tradeoff()
    return (
        f"Precision rises while recall falls for b in [{low:.3f}, {high:.3f}].",
        f"On [0, 1] the least {least}.",
        f"On {100 * against.mean():.1f} % of [0, 1] one of R_adv⁺ and R_hyp⁻ rises where the other falls.",
    )


def toy(epsilon: float, samples: int, seed: int) -> Toy:
    """All quantities at the table's thresholds by formula and by sampling, and the curves over all thresholds."""
    epsilon = checks.number("--epsilon", epsilon, above=0)
    rows: list[Check] = []
    for b in THRESHOLDS:
        known, drawn = ratios(np.array([b]), epsilon), counts(b, epsilon, samples, seed)
        for name, symbol in QUANTITIES.items():
            rows.append(share({"b": f"{b:g}"}, symbol, float(known[name][0]), *drawn[name]))
    settings = f"ε = {epsilon:g} in ℓ2; {samples} samples, seed {seed}, the same at every b."
    return Toy(
        "Example 2: adversarial against hypocritical risk", rows, (settings, *remarks(epsilon)), figure(epsilon)
    )
