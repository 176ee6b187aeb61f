"""Two classifiers on a line: the best one has every mistake hidden, the one that no friend helps errs more.

Section 3.1, Figure 2 and Table 3 of Tao et al. (2020); Appendix E.1, Figure 8 and Table 15 of Tao et al. (2022).
The instances are uniform on [0, 1], cut into cells of length ε; η(x) = Pr(y = +1 | x) is 1/4 on the first and
every second one after it, and 1 on the others. An attack may move x by ε, within [0, 1], outside of which there
are no instances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from analysis.curves.drawing import COLORS, STYLE
from analysis.toys.check import Check, Toy, share
from analysis.toys.published_toys import published
from hypo.settings import checks
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RISKS = ("R_nat", "R_hyp", "R_adv", "R_hyp_minus", "R_adv_plus")
"""In the order of the paper's table, as the reference files call them."""

_SYMBOLS = {"R_hyp_minus": "R_hyp⁻", "R_adv_plus": "R_adv⁺"}
_UNLIKELY = 0.25
_LOOKED_AT = np.linspace(-1, 1, 41)
"""Where in the ball the sampled examples are looked for a change of prediction, in units of ε."""


@dataclass(frozen=True)
class Classifier:
    """One that knows the cells: its predictions, −1 or +1, where η is 1/4 and where it is 1."""

    name: str
    where_unlikely: int
    where_certain: int

    def predict(self, x: np.ndarray, epsilon: float) -> np.ndarray:
        """Its predictions at `x` in [0, 1]."""
        return np.where(eta(x, epsilon) < 1, self.where_unlikely, self.where_certain)


CLASSIFIERS = {"bayes": Classifier("Bayes optimal", -1, 1), "all_one": Classifier("all-one", 1, 1)}
"""As the reference files call them."""


def eta(x: np.ndarray, epsilon: float) -> np.ndarray:
    """Pr(y = +1 | x) for `x` in [0, 1]."""
    return np.where(np.floor(x / epsilon) % 2 == 0, _UNLIKELY, 1.0)


def whole(epsilon: float) -> float:
    """`epsilon`, when the cells fill [0, 1] in pairs.

    Raises:
        InputError: when 1/(2ε) is no whole number.
    """
    pairs = 1 / (2 * checks.number("--epsilon", epsilon, above=0, at_most=0.5))
    if abs(pairs - round(pairs)) > 1e-9:
        raise InputError(
            f"--epsilon: takes one of 1/2, 1/4, 1/6, 1/8, 1/10, ... (1/(2ε) is whole), got {epsilon:g}"
        )
    return 1 / (2 * round(pairs))


def risks(classifier: Classifier) -> dict[str, float]:
    """The five risks, whatever ε is: half of the instances lie in cells of either kind.

    Where the predictions differ from cell to cell, every ball, but for those around single points, reaches into a
    cell with the other prediction, so that every correct example can be broken and every mistake hidden. Where
    they do not, none can.
    """
    unlikely = 1 - _UNLIKELY if classifier.where_unlikely > 0 else _UNLIKELY
    certain = 0.0 if classifier.where_certain > 0 else 1.0
    natural = (unlikely + certain) / 2
    if classifier.where_unlikely != classifier.where_certain:
        return {"R_nat": natural, "R_hyp": 1.0, "R_adv": 1.0, "R_hyp_minus": 1.0, "R_adv_plus": 1.0}
    return {"R_nat": natural, "R_hyp": 1 - natural, "R_adv": natural, "R_hyp_minus": 0.0, "R_adv_plus": 0.0}


def counts(
    predict: Callable[[np.ndarray, float], np.ndarray], epsilon: float, samples: int, seed: int
) -> Mapping[str, tuple[int, int]]:
    """For each risk how many of how many sampled examples, looked at in many points of their balls."""
    random = np.random.default_rng(seed)
    x = random.uniform(size=samples)
    y = np.where(random.uniform(size=samples) < eta(x, epsilon), 1, -1)
    wrong = predict(x, epsilon) != y
    breakable, hideable = wrong.copy(), ~wrong
    for step in _LOOKED_AT:
        right = predict(np.clip(x + step * epsilon, 0, 1), epsilon) == y
        breakable |= ~right
        hideable |= right
    mistakes = int(wrong.sum())
    return {
        "R_nat": (mistakes, samples),
        "R_hyp": (int(hideable.sum()), samples),
        "R_adv": (int(breakable.sum()), samples),
        "R_hyp_minus": (int((hideable & wrong).sum()), mistakes),
        "R_adv_plus": (int((breakable & ~wrong).sum()), samples - mistakes),
    }


def toy(epsilon: float, samples: int, seed: int) -> Toy:
    """Both classifiers' risks by formula and by sampling, and what was published."""
    epsilon = whole(epsilon)
    printed = published("toy_example1")
    rows: list[Check] = []
    for key, classifier in CLASSIFIERS.items():
        known, found = risks(classifier), counts(classifier.predict, epsilon, samples, seed)
        for risk in RISKS:
            where = {"classifier": classifier.name}
            rows.append(
                share(where, _SYMBOLS.get(risk, risk), known[risk], *found[risk], printed.get((key, risk)))
            )
    notes = (
        f"ε = {epsilon:g}, which no risk depends on; {samples} samples, seed {seed}, each looked at in "
        f"{len(_LOOKED_AT)} points of its ball.",
        "Published: Table 3 of Tao et al. (2020), Table 15 of Tao et al. (2022).",
    )
    return Toy("Example 1: natural against hypocritical risk", rows, notes, figure(epsilon))


def figure(epsilon: float) -> Figure:
    """η(x), and what the Bayes optimal classifier predicts (Figure 2 of 2020, Figure 8 of 2022)."""
    import matplotlib
    from matplotlib.figure import Figure

    edges = np.linspace(0, 1, round(1 / epsilon) + 1)
    with matplotlib.rc_context(STYLE):
        drawn = Figure(figsize=(3.4, 2.2), layout="constrained")
        axes = drawn.subplots()
        for number, (left, right) in enumerate(pairwise(edges)):
            certain = number % 2 == 1
            axes.plot([left, right], [1.0 if certain else _UNLIKELY] * 2, color=COLORS[0], linewidth=1.5)
            if certain:
                label = "Bayes optimal: positive" if number == 1 else None
                axes.axvspan(left, right, color=COLORS[1], alpha=0.15, linewidth=0, label=label)
        axes.axhline(0.5, color=COLORS[4], linewidth=0.6, linestyle=":")
        axes.set(xlim=(0, 1), ylim=(0, 1.08), xlabel="x", ylabel="η(x) = Pr(y = +1 | x)", yticks=[0, 0.25, 0.5, 1])
        axes.set_title(f"cells of length ε = {epsilon:g}")
        axes.spines[["top", "right"]].set_visible(False)
        drawn.legend(loc="outside lower center", frameon=False)
    return drawn
