from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypo.settings import checks
from hypo.settings.errors import InputError

NOT_NUMBERS: list[Any] = [
    "five", "", "nan", "inf", "-inf", "8/0", "8/", "/8", "1/2/3", "1e999", "9" * 400 + "/1", True, False, None,
    [1], (1, 2), {"a": 1}, float("nan"), float("inf"), 10**400,
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        (6, 6.0),
        (6.0, 6.0),
        ("6", 6.0),
        ("1e-3", 0.001),
        ("8/255", 8 / 255),
        ("1/4", 0.25),
        ("-1/2", -0.5),
        (0, 0.0),
    ],
)
def test_numbers_and_fractions(value: Any, parsed: float) -> None:
    found = checks.number("epsilon", value)
    assert found == parsed
    assert type(found) is float


@given(st.integers(-1000, 1000), st.integers(1, 1000))
def test_every_fraction_is_its_quotient(numerator: int, denominator: int) -> None:
    assert checks.number("epsilon", f"{numerator}/{denominator}") == float(Fraction(numerator, denominator))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_written_down_is_read_back(value: float) -> None:
    assert checks.number("epsilon", value) == checks.number("epsilon", repr(value)) == value


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=lambda value: repr(value)[:20])
def test_what_is_no_number_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(InputError, match=r"^epsilon: takes a number > 0") as error:
        checks.number("epsilon", value, above=0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"at_least": 0, "at_most": 1}, ">= 0 and <= 1"),
        ({"above": 0, "at_most": 1}, "> 0 and <= 1"),
        ({"at_most": 1}, "<= 1"),
    ],
)
def test_a_number_may_be_bounded_from_above(bounds: dict[str, float], said: str) -> None:
    assert checks.number("rate", "1", **bounds) == 1
    with pytest.raises(InputError, match=rf"^rate: takes a number {said} .*got 1\.5"):
        checks.number("rate", 1.5, **bounds)


def test_bounds_of_numbers() -> None:
    assert checks.number("lambda", 0, at_least=0) == 0
    for bound, value in [({"at_least": 0}, -1e-9), ({"above": 0}, 0), ({"above": 0}, "0/5"), ({"above": 0}, "-1")]:
        with pytest.raises(InputError, match=r"^lambda: takes a number >=? 0 .*got"):
            checks.number("lambda", value, **bound)


@pytest.mark.parametrize(("value", "parsed"), [(6, 6), (6.0, 6), ("6", 6), (-3, -3), ("007", 7)])
def test_whole_numbers(value: Any, parsed: int) -> None:
    found = checks.integer("seed", value)
    assert found == parsed
    assert type(found) is int


@pytest.mark.parametrize(
    "value",
    [6.5, "6.5", "1e3", "six", "", True, None, [6], math.nan, math.inf, "9" * 5000],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"^seed: takes a whole number") as error:
        checks.integer("seed", value)
    assert "\n" not in str(error.value)


def test_bounds_of_whole_numbers() -> None:
    assert checks.integer("seed", 0, at_least=0) == 0
    with pytest.raises(InputError, match=r"^seed: takes a whole number >= 0, got -1$"):
        checks.integer("seed", -1, at_least=0)


def test_choices() -> None:
    assert checks.choice("start", "clean", ("clean", "uniform")) == "clean"
    for value in ("dirty", ["clean"], None, {"clean": 1}):
        with pytest.raises(InputError, match=r"^start: takes one of clean, uniform, got "):
            checks.choice("start", value, ("clean", "uniform"))


def test_refusals_show_the_value_in_one_line() -> None:
    with pytest.raises(InputError, match=r"got 'a\\nb'$"):
        checks.number("epsilon", "a\nb")
