"""Per-example flags to accuracies, risks and their intervals (Tao et al. 2022, Sections 3 and 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
"""Level of every interval."""

_NORMAL_QUANTILE = 1.959963984540054  # two-sided, for CONFIDENCE


@dataclass(frozen=True)
class Flags:
    """What was found out about each example; every array is (examples,).

    "Candidates" are the clean image and every perturbed one that an evaluation attack visited.

    Attributes:
        example: index in the test set, int64.
        label, clean_prediction: classes, int64.
        margin: the label's clean logit minus the largest other, float32.
        lead: the predicted class's clean logit minus the runner-up's, float32, >= 0.
        correct: the clean prediction is the label.
        adv: some candidate is misclassified.
        hyp: some candidate is classified as the label.
        sta: some candidate's prediction differs from the clean one.
        hyp_moved: on D⁻, the prediction at x_hyp, the label's if the mistake can be hidden and else what it is
            where the hypocritical attack (of several restarts, any) ends, differs from the clean one; False on D⁺.
        hyp_by_stability: on D⁻, only the stability attack found a candidate that is classified as the label.
        decided_by: which of `searches` decided the example's own flag, adv on D⁺ and hyp on D⁻; -1 where none did,
            int64.
        moved_by: on D⁻, which of `searches` was the first to change the prediction; -1 where none did, int64.
        searches: the names of the evaluation's searches, in turn.
        passes: how many images each of `searches` put through the model, one as often as it did; the clean images
            are no search's. None where that was not counted.
    """

    example: np.ndarray
    label: np.ndarray
    clean_prediction: np.ndarray
    margin: np.ndarray
    lead: np.ndarray
    correct: np.ndarray
    adv: np.ndarray
    hyp: np.ndarray
    sta: np.ndarray
    hyp_moved: np.ndarray
    hyp_by_stability: np.ndarray
    decided_by: np.ndarray
    moved_by: np.ndarray
    searches: tuple[str, ...]
    passes: tuple[int, ...] | None = None

    @property
    def search(self) -> np.ndarray:
        """The name of the search that decided the example's own flag, None where none did; of objects."""
        return np.array([*self.searches, None], dtype=object)[self.decided_by]

    @property
    def sta_search(self) -> np.ndarray:
        """The name of the search that first changed a mistake's prediction, None where none did; of objects."""
        return np.array([*self.searches, None], dtype=object)[self.moved_by]


@dataclass(frozen=True)
class Share:
    """A share of examples, as integer counts: `count` out of `of`."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """In [0, 1]; None, never 0, when there is nothing to take a share of."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval at 95 % (Wilson 1927); None when there is nothing to take a share of.

        It stays inside [0, 1] and honest for the few mistakes that good models leave.
        """
        if not self.of:
            return None
        n, z, share = self.of, _NORMAL_QUANTILE, self.count / self.of
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        low = 0.0 if self.count == 0 else centre - half
        high = 1.0 if self.count == self.of else centre + half
        return low, high


def risks(flags: Flags) -> dict[str, Share]:
    """Accuracies and risks by name, in the order of the tables.

    D, A and F are clean, adversarial and false-friend accuracy; R_nat, R_adv, R_hyp and R_sta natural,
    adversarial, hypocritical and stability risk on all examples; `_plus` is the risk on the correctly
    classified (D⁺), `_minus` on the misclassified (D⁻). R_hyp_bar_minus is R̄_hyp(f, D⁻) of Lemma C.1: the mistakes
    whose prediction changes at the hypocritical end point, which is what THRM minimises. G_adv = D − A and
    G_hyp = F − D are what adversary and false friend make of clean accuracy (Tao et al. 2020).

    Raises:
        AssertionError: if the flags break Theorem 4.3, 4.4 or 4.5 or Lemma C.1, which hold exactly for flags taken
            over one common set of candidates.
    """
    correct, wrong = flags.correct, ~flags.correct
    n = len(correct)
    plus, minus = int(correct.sum()), int(wrong.sum())

    def among(flag: np.ndarray, subset: np.ndarray, of: int) -> Share:
        return Share(int((flag & subset).sum()), of)

    everything = np.ones(n, dtype=bool)
    found = {
        "D": Share(plus, n),
        "A": among(~flags.adv, everything, n),
        "F": among(flags.hyp, everything, n),
        "R_nat": Share(minus, n),
        "R_adv": among(flags.adv, everything, n),
        "R_adv_plus": among(flags.adv, correct, plus),
        "R_hyp": among(flags.hyp, everything, n),
        "R_hyp_minus": among(flags.hyp, wrong, minus),
        "R_hyp_bar_minus": among(flags.hyp_moved, wrong, minus),
        "R_sta": among(flags.sta, everything, n),
        "R_sta_minus": among(flags.sta, wrong, minus),
        "G_adv": among(flags.adv, correct, n),
        "G_hyp": among(flags.hyp, wrong, n),
    }
    check_theorems({name: share.count for name, share in found.items()}, n)
    return found


def check_theorems(counts: dict[str, int], n: int) -> None:
    """Assert the paper's identities on counts out of `n`, multiplied out so that all are whole numbers."""
    c = counts
    assert c["R_nat"] == n - c["D"], "definition of R_nat"
    assert c["R_adv"] == n - c["A"], "definition of R_adv"
    assert c["R_hyp"] == c["F"], "definition of R_hyp"
    assert c["R_adv"] == c["R_nat"] + c["R_adv_plus"], "Theorem 4.3"
    assert c["R_hyp"] == n - (c["R_nat"] - c["R_hyp_minus"]), "Theorem 4.4"
    assert c["R_sta"] == c["R_adv_plus"] + c["R_sta_minus"], "Theorem 4.5"
    assert c["R_sta_minus"] >= c["R_hyp_minus"], "Theorem 4.5, inequality"
    assert c["R_hyp_minus"] <= c["R_hyp_bar_minus"] <= c["R_sta_minus"], "Lemma C.1"
    assert c["G_adv"] == c["D"] - c["A"], "definition of G_adv"
    assert c["G_hyp"] == c["F"] - c["D"], "definition of G_hyp"


def decided(flags: Flags) -> dict[str, dict[str, int]]:
    """How many of the flags `adv` and `hyp` the clean prediction decided, and how many which attack.

    So that the accuracy of one attack can be told from that of all: the F of Tao et al. 2022, which one PGD
    decides, is that of "clean" and "hypocritical" alone.
    """
    hidden = ~flags.correct & flags.hyp
    by_stability = hidden & flags.hyp_by_stability
    return {
        "adv": {"clean": int((~flags.correct).sum()), "adversarial": int((flags.correct & flags.adv).sum())},
        "hyp": {
            "clean": int(flags.correct.sum()),
            "hypocritical": int((hidden & ~by_stability).sum()),
            "stability": int(by_stability.sum()),
        },
    }


def searches(flags: Flags) -> dict[str, dict[str, int]]:
    """By search, how many it decided: `adv` on D⁺, `hyp` on D⁻, and `sta` on D⁻, those that it moved first.

    And in how many `passes`, where these were counted.
    """

    def count(by: np.ndarray, subset: np.ndarray, search: int) -> int:
        return int(((by == search) & subset).sum())

    found = {
        name: {
            "adv": count(flags.decided_by, flags.correct, search),
            "hyp": count(flags.decided_by, ~flags.correct, search),
            "sta": count(flags.moved_by, ~flags.correct, search),
        }
        for search, name in enumerate(flags.searches)
    }
    if flags.passes is None:
        return found
    return {name: {**by, "passes": each} for (name, by), each in zip(found.items(), flags.passes, strict=True)}
