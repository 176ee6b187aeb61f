"""Certified counts by hand, ties, and what happens when an attack contradicts a certificate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hypo.measurements.certificate import certified
from hypo.measurements.risks import Flags, Share
from hypo.settings.errors import CertificateError

RADIUS = 1.0


def flags() -> Flags:
    """Three correct examples and four mistakes; nothing was attacked with success."""
    margin = np.array([2.0, 1.0, 0.5, -2.0, -1.5, -1.0, -0.5], np.float32)
    # Among the mistakes: by how much the predicted class leads, which is at most by how much the label is behind.
    lead = np.array([2.0, 1.0, 0.5, 2.0, 0.1, 1.0, 0.5], np.float32)
    correct = margin > 0
    numbers = np.arange(10, 17)
    return Flags(
        example=numbers,
        label=numbers,
        clean_prediction=numbers,
        margin=margin,
        lead=lead,
        correct=correct,
        adv=~correct,
        hyp=correct,
        sta=np.zeros(7, bool),
        hyp_moved=np.zeros(7, bool),
        hyp_by_stability=np.zeros(7, bool),
        decided_by=np.full(7, -1),
        moved_by=np.full(7, -1),
        searches=("attack",),
    )


def test_the_counts_are_those_past_the_radius_and_ties_are_not_certified() -> None:
    assert certified(flags(), RADIUS) == {
        "A_certified": Share(1, 7),
        "F_certified": Share(5, 7),
        "R_adv_plus_certified": Share(2, 3),
        "R_hyp_minus_certified": Share(2, 4),
        "R_sta_minus_certified": Share(3, 4),
    }


@pytest.mark.parametrize(
    ("flag", "example", "message"),
    [
        ("adv", 0, "1 examples certified as never to be attacked were, first 10"),
        ("hyp", 4, "1 examples certified as never to be hidden were, first 14"),
        ("sta", 3, "1 examples certified as never to be moved were, first 13"),
    ],
)
def test_an_attack_that_contradicts_a_certificate_is_an_error(flag: str, example: int, message: str) -> None:
    broken = getattr(flags(), flag).copy()
    broken[example] = True
    with pytest.raises(CertificateError, match=message):
        certified(replace(flags(), **{flag: broken}), RADIUS)


def test_what_is_not_certified_may_be_broken() -> None:
    everything = replace(
        flags(), adv=np.array([False] + [True] * 6), hyp=np.array([True] * 3 + [False] * 2 + [True] * 2)
    )
    assert certified(everything, RADIUS)["A_certified"] == Share(1, 7)


def test_an_empty_part_has_no_value() -> None:
    correct = np.ones(7, bool)
    perfect = replace(flags(), correct=correct, adv=~correct, hyp=correct, margin=np.full(7, 5.0, np.float32))
    bounds = certified(perfect, RADIUS)
    assert (bounds["R_hyp_minus_certified"].value, bounds["F_certified"]) == (None, Share(7, 7))
