from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypo.command_line.grid import LAMBDAS, expand
from hypo.settings.errors import InputError


@pytest.mark.parametrize(
    ("typed", "expanded"),
    [
        ("0,1,5,...,100", "0,1,5,10,20,40,60,80,100"),
        ("0,...,100", "0,1,5,10,20,40,60,80,100"),
        ("0, 1, 5, ..., 100", "0,1,5,10,20,40,60,80,100"),
        ("3,...,50", "3,5,10,20,40,50"),
        ("0.5,...,5", "0.5,1,5"),
        ("0,...,5,...,20", "0,1,5,10,20"),
        ("0,...,5,7,40,...,100", "0,1,5,7,40,60,80,100"),
        ("1,...,5", "1,5"),  # nothing lies between
        ("0,1,5", "0,1,5"),
        ("6", "6"),
        ("6.0", "6.0"),
        ("a,b", "a,b"),  # words are refused where the values are checked
    ],
)
def test_dots_stand_for_the_grid_between_their_neighbours(typed: str, expanded: str) -> None:
    assert expand(typed) == expanded


@pytest.mark.parametrize(
    "typed",
    ["...", "...,5", "0,...", "5,...,0", "5,...,5", "a,...,5", "0,...,b", "0,...,...,5", "-1,...,5", "0,...,nan"],
)
def test_dots_that_stand_for_nothing_are_refused(typed: str) -> None:
    with pytest.raises(InputError, match=r"^lambda: ") as error:
        expand(typed)
    assert "\n" not in str(error.value)


@given(st.sampled_from(LAMBDAS), st.sampled_from(LAMBDAS))
def test_any_two_of_the_grid_give_what_lies_between(low: int, high: int) -> None:
    if low < high:
        between = [value for value in LAMBDAS if low <= value <= high]
        assert expand(f"{low},...,{high}") == ",".join(map(str, between))
