from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hypo.measurements.risks import CONFIDENCE, Flags, Share, decided, risks

Example = tuple[bool, bool, bool, bool]
"""correct, adv, hyp, sta."""

CONSISTENT: tuple[Example, ...] = (
    (True, False, True, False),  # nothing moves it
    (True, True, True, True),  # an adversary's
    (False, True, False, False),  # nothing moves it
    (False, True, False, True),  # moved to another wrong class
    (False, True, True, True),  # hidden by a false friend
)
"""All that flags over one set of candidates, the clean image included, can be."""

NAMES = (
    *("D", "A", "F", "R_nat", "R_adv", "R_adv_plus", "R_hyp", "R_hyp_minus", "R_hyp_bar_minus"),
    *("R_sta", "R_sta_minus", "G_adv", "G_hyp"),
)

consistent = st.lists(st.sampled_from(CONSISTENT), min_size=1, max_size=60)


def flags(examples: list[Example]) -> Flags:
    """Of mistakes whose prediction can be changed and that stay mistakes, every second moves at its end point."""
    correct, adv, hyp, sta = np.array(examples, dtype=bool).reshape(-1, 4).T
    numbers = np.arange(len(examples))
    moved = ~correct & (hyp | (sta & (numbers % 2 == 0)))
    logits = numbers.astype(np.float32)
    none = np.zeros_like(correct)
    nobody = np.full(len(examples), -1)
    found = (correct, adv, hyp, sta, moved, none, nobody, nobody)
    return Flags(numbers, numbers, numbers, logits, logits, *found, searches=("attack",))


def share(selected: list[bool]) -> tuple[int, int]:
    return sum(selected), len(selected)


@given(consistent)
def test_risks_are_the_shares_of_their_definitions(examples: list[Example]) -> None:
    plus = [e for e in examples if e[0]]
    minus = [e for e in examples if not e[0]]
    expected = {
        "D": share([e[0] for e in examples]),
        "A": share([not e[1] for e in examples]),
        "F": share([e[2] for e in examples]),
        "R_nat": share([not e[0] for e in examples]),
        "R_adv": share([e[1] for e in examples]),
        "R_adv_plus": share([e[1] for e in plus]),
        "R_hyp": share([e[2] for e in examples]),
        "R_hyp_minus": share([e[2] for e in minus]),
        "R_hyp_bar_minus": share([bool(at) for at in flags(examples).hyp_moved[~flags(examples).correct]]),
        "R_sta": share([e[3] for e in examples]),
        "R_sta_minus": share([e[3] for e in minus]),
        "G_adv": share([e[0] and e[1] for e in examples]),
        "G_hyp": share([not e[0] and e[2] for e in examples]),
    }
    found = risks(flags(examples))
    assert tuple(found) == NAMES
    assert {name: (each.count, each.of) for name, each in found.items()} == expected


@given(consistent)
def test_the_theorems_hold_as_the_paper_has_them(examples: list[Example]) -> None:
    found = {name: each.value for name, each in risks(flags(examples)).items()}
    assume(found["R_adv_plus"] is not None and found["R_hyp_minus"] is not None)
    r = {name: float(value) for name, value in found.items() if value is not None}
    assert math.isclose(r["R_adv"], r["R_nat"] + (1 - r["R_nat"]) * r["R_adv_plus"], abs_tol=1e-12)
    assert math.isclose(r["R_hyp"], 1 - (1 - r["R_hyp_minus"]) * r["R_nat"], abs_tol=1e-12)
    sum_of_both = (1 - r["R_nat"]) * r["R_adv_plus"] + r["R_nat"] * r["R_sta_minus"]
    assert math.isclose(r["R_sta"], sum_of_both, abs_tol=1e-12)
    assert r["R_hyp_minus"] <= r["R_hyp_bar_minus"] <= r["R_sta_minus"]
    assert math.isclose(r["G_adv"], r["D"] - r["A"], abs_tol=1e-12)
    assert math.isclose(r["G_hyp"], r["F"] - r["D"], abs_tol=1e-12)


@pytest.mark.parametrize(("hyp", "sta", "moved"), [(True, True, False), (False, False, True)])
def test_a_hypocritical_end_point_outside_of_lemma_c1_is_refused(hyp: bool, sta: bool, moved: bool) -> None:
    """Hidden without a change where it is hidden, or changed by an attack that found no change."""
    found = dataclasses.replace(flags([(False, True, hyp, sta)]), hyp_moved=np.array([moved]))
    with pytest.raises(AssertionError, match=r"Lemma C\.1"):
        risks(found)


def test_what_decided_the_flags_adds_up_to_them() -> None:
    found = flags(
        [CONSISTENT[0], *[(False, True, True, True)] * 5, (False, True, False, True), (True, True, True, True)]
    )
    found.hyp_by_stability[[1, 2]] = True
    assert decided(found) == {
        "adv": {"clean": 6, "adversarial": 1},
        "hyp": {"clean": 2, "hypocritical": 3, "stability": 2},
    }
    for flag, name in (("adv", "R_adv"), ("hyp", "R_hyp")):
        assert sum(decided(found)[flag].values()) == risks(found)[name].count


@pytest.mark.parametrize(
    "impossible",
    [
        (True, True, True, False),  # misclassified somewhere, and yet its prediction never differs
        (True, False, True, True),  # its prediction differs somewhere from the right one, and is never wrong
        (True, False, False, False),  # nowhere classified as its label, not even where it is correct
        (False, False, False, False),  # nowhere misclassified, not even where it is not correct
        (False, True, True, False),  # hidden, without its prediction changing
    ],
)
@pytest.mark.parametrize("others", [[], [CONSISTENT[0]], list(CONSISTENT[:3])])
def test_flags_that_no_candidates_can_have_are_refused(impossible: Example, others: list[Example]) -> None:
    with pytest.raises(AssertionError, match=r"Theorem 4\.[345]"):
        risks(flags([*others, impossible]))


def test_a_risk_on_nothing_is_none_and_not_zero() -> None:
    all_correct = risks(flags([CONSISTENT[0]] * 3))
    all_wrong = risks(flags([CONSISTENT[3]] * 2))
    for empty in (all_correct["R_hyp_minus"], all_correct["R_sta_minus"], all_wrong["R_adv_plus"]):
        assert (empty.count, empty.of, empty.value, empty.interval) == (0, 0, None, None)
    assert all_correct["R_adv_plus"] == Share(0, 3)
    assert all_wrong["R_hyp_minus"].value == 0


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # Newcombe 1998, Table I, method 3, to four digits
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_published(count: int, of: int, low: float, high: float) -> None:
    interval = Share(count, of).interval
    assert interval is not None
    assert interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 3000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_intervals_solve_the_score_equation(of_count: tuple[int, int]) -> None:
    """Wilson's bounds are where |share − p| is z standard errors *at p*."""
    count, of = of_count
    interval = Share(count, of).interval
    assert interval is not None
    low, high = interval
    assert 0 <= low <= count / of <= high <= 1
    assert CONFIDENCE == 0.95
    for p in (low, high):
        if 0 < p < 1:
            z = abs(count / of - p) / math.sqrt(p * (1 - p) / of)
            assert z == pytest.approx(1.959963984540054, rel=1e-6)
    # It is symmetric in what counts as success.
    mirrored = Share(of - count, of).interval
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)
