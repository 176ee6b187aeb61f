"""Names that tell runs apart, and durations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchers.watching.cell_table import distinguishing, duration


@pytest.mark.parametrize(
    ("names", "shown", "shared"),
    [
        (["digits-mlp-thrm-lambda1-linf0.1-s0"], ["digits-mlp-thrm-lambda1-linf0.1-s0"], ""),
        (["d-thrm-lambda1-s0", "d-thrm-lambda5-s0"], ["lambda1", "lambda5"], "d-thrm-…-s0"),
        (["d-thrm-lambda1-l2-s0", "d-thrm-lambda5-l2-s1"], ["lambda1-s0", "lambda5-s1"], "d-thrm-…-l2-…"),
        (["d-mlp-standard-s0", "d-mlp-thrm-lambda1e-05-s0"], ["standard", "thrm-lambda1e-05"], "d-mlp-…-s0"),
        (["lambda1e-05", "lambda5e-05"], ["lambda1e-05", "lambda5e-05"], ""),
        (["a-b", "a"], ["a-b", "a"], ""),
    ],
)
def test_names_are_shortened_to_what_tells_them_apart(names: list[str], shown: list[str], shared: str) -> None:
    assert distinguishing(names) == (shown, shared)


@given(st.lists(st.text("ab1-", min_size=1), min_size=1, unique=True))
def test_shortened_names_differ_where_the_names_do(names: list[str]) -> None:
    assert len(set(distinguishing(names)[0])) == len(names)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99.4, "99 s"), (99.6, "2 min"), (3569, "59 min"), (3571, "1 h 00 min"), (90061, "1 d 1 h")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
