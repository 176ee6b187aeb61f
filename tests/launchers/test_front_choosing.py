"""Which λ fill the gaps of a front: numbers in between, steps and noise, and whole searches on made-up fronts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchers.front import words
from launchers.front.between import SMALLEST, between
from launchers.front.choosing import Choice, choose
from launchers.front.steps import Point, Step, steps


def point(lambda_: float, *risks: tuple[float, float]) -> Point:
    """A λ with the risks of seeds 0, 1, …."""
    return Point(lambda_, dict(enumerate(risks)))


Risks = Callable[[float, int], tuple[float, float]]
"""R_nat and R_hyp⁻ in percent, of λ and seed."""


def smooth(lambda_: float, seed: int = 0) -> tuple[float, float]:
    return 3 + 5 * lambda_ / (lambda_ + 30), 92 - 25 * lambda_ / (lambda_ + 10)


def cliff(lambda_: float, seed: int = 0) -> tuple[float, float]:
    return 3.0, 90.0 if lambda_ < 17 else 50.0


def flat(lambda_: float, seed: int = 0) -> tuple[float, float]:
    return 3.0 + lambda_ / 100, 80.0


def noisy(lambda_: float, seed: int) -> tuple[float, float]:
    chance = random.Random(f"{lambda_} {seed}")
    natural, hypocritical = smooth(lambda_)
    return natural + chance.gauss(0, 0.3), hypocritical + chance.gauss(0, 4)


def searched(
    fronts: Sequence[Risks], gap: float, budget: int, seeds: int = 1, first: Sequence[float] = (0, 100)
) -> tuple[list[list[Step]], list[list[Choice]]]:
    """The steps of each method in the end, and what was chosen round by round."""
    lambdas = [list(first) for _ in fronts]
    rounds: list[list[Choice]] = []
    while True:
        points = [
            [Point(lambda_, {seed: risks(lambda_, seed) for seed in range(seeds)}) for lambda_ in of_method]
            for risks, of_method in zip(fronts, lambdas, strict=True)
        ]
        now = [steps(of_method, gap) for of_method in points]
        chosen = choose(now, [seeds] * len(fronts), budget - seeds * sum(map(len, lambdas)))
        if not chosen:
            return now, rounds
        rounds.append(chosen)
        for choice in chosen:
            lambdas[choice.method].append(choice.lambda_)


@pytest.mark.parametrize(
    ("low", "high", "middle"),
    [
        (10, 20, 14),
        (10, 100, 30),
        (1, 10, 3),
        (5, 10, 7),
        (1, 2, 1.4),
        (0, 100, 10),
        (0, 1, 0.1),
        (0, 0.001, None),
        (10, 11, None),
        (99, 100, None),
        (10, 12, 11),
    ],
)
def test_a_number_that_is_easily_read(low: float, high: float, middle: float | None) -> None:
    assert between(low, high) == middle


@given(st.floats(0, 1e6), st.floats(1e-6, 1e6))
def test_it_lies_between_and_has_two_digits(low: float, high: float) -> None:
    if low < high:
        found = between(low, high)
        assert found is None or (low < found < high and float(f"{found:.2g}") == found)


@given(st.integers(10, 97), st.integers(2, 9), st.integers(-2, 3))
def test_there_is_one_wherever_two_digits_allow_it(low: int, apart: int, power: int) -> None:
    assert between(low * 10.0**power, (low + apart) * 10.0**power) is not None


def test_a_smooth_front_is_filled_from_the_widest_gap_on() -> None:
    (found,), rounds = searched([smooth], gap=2, budget=100)
    assert max(step.change.size for step in found) <= 2
    assert not any(step.middle or step.why_not for step in found)
    assert [choice.lambda_ for choice in rounds[0]] == [10]
    for chosen in rounds:
        sizes = [choice.step.change.size for choice in chosen]
        assert sizes == sorted(sizes, reverse=True)
        assert min(sizes) > 2


def test_a_budget_goes_to_the_widest_gaps_of_all_methods() -> None:
    def steeper(lambda_: float, seed: int) -> tuple[float, float]:
        natural, hypocritical = smooth(lambda_)
        return natural, 92 - 2 * (92 - hypocritical)

    (gentle, steep), rounds = searched([smooth, steeper], gap=1, budget=14)
    assert len(gentle) + len(steep) + 2 == 14
    assert len(steep) > len(gentle)
    assert all(not step.why_not for step in (*gentle, *steep))
    assert "the budget is spent" in words.left("thrm", steep, gap=1)
    assert sum(map(len, rounds)) == 10


def test_no_run_is_chosen_that_the_budget_has_not() -> None:
    wide = steps([point(0, *[(1, 90)] * 3), point(10, *[(1, 50)] * 3)], 2)
    narrower = steps([point(0, (1, 90)), point(10, (1, 80))], 2)
    assert [choice.method for choice in choose([wide, narrower], [3, 1], 4)] == [0, 1]
    assert [choice.method for choice in choose([wide, narrower], [3, 1], 2)] == [1]
    assert choose([wide, narrower], [3, 1], 0) == []


def test_a_cliff_is_closed_in_on_until_numbers_end() -> None:
    (found,), rounds = searched([cliff], gap=2, budget=100)
    (wide,) = [step for step in found if step.change.size > 2]
    assert (wide.low, wide.high) == (16, 17)
    assert wide.why_not == "no λ of two digits lies between them"
    assert sum(map(len, rounds)) < 10


def test_a_flat_front_is_done_at_once() -> None:
    (found,), rounds = searched([flat], gap=2, budget=100)
    assert rounds == []
    assert words.left("", found, 2) == (
        "2 λ, no gap wider than 2 points; the largest: between 0 and 100 natural risk rises 1 points"
    )


def test_noise_ends_the_search_where_it_hides_the_gaps() -> None:
    (found,), _ = searched([noisy], gap=0.5, budget=1000, seeds=3)
    assert 2 < len(found) < 40
    hidden = [step for step in found if step.why_not.startswith("the seeds hide it")]
    assert hidden
    assert all(step.change.size <= (step.change.noise or 0) for step in hidden)
    (alone,), _ = searched([noisy], gap=0.5, budget=60)
    assert len(alone) + 1 == 60, "a single seed says nothing of noise"


def test_two_standard_errors_of_the_change_paired_by_seed() -> None:
    (step,) = steps([point(1, (3, 90), (3, 70)), point(2, (3, 84), (3, 66))], 2)
    assert (step.change.points, step.change.noise) == (-5, pytest.approx(2))
    assert step.middle == 1.4
    (step,) = steps([point(1, (3, 90), (3, 70)), point(2, (3, 81), (3, 69))], 2)
    assert (step.change.points, step.change.noise) == (-5, pytest.approx(8))
    assert (step.middle, step.why_not) == (None, "the seeds hide it, two standard errors are 8 points")
    (step,) = steps([Point(1, {0: (3, 90)}), Point(2, {1: (3, 85)})], 2)
    assert (step.change.points, step.change.noise) == (-5, None)


def test_the_axis_that_jumps_counts() -> None:
    (step,) = steps([point(1, (3, 90)), point(100, (9, 89))], 2)
    assert (step.change.risk, step.change.points) == ("natural risk", 6)
    # What the seeds hide in one risk may be seen in the other.
    (step,) = steps([point(1, (3, 90), (3.1, 60)), point(100, (9, 70), (9.1, 64))], 2)
    assert (step.change.risk, step.middle) == ("natural risk", 10)


def test_no_run_where_another_lambda_is_better_than_both_ends() -> None:
    points = [point(1, (3, 70)), point(100, (5, 75)), point(1000, (20, 90))]
    first, last = steps(points, 2)
    assert first.middle == 10
    assert (last.middle, last.why_not) == (None, "λ = 1 is better than both in both risks")


def test_no_run_around_one_that_failed() -> None:
    points = [point(0, (3, 90)), point(10, (3, 80)), point(100, (3, 60))]
    first, last = steps(points, 2, failed=[30])
    assert (first.middle, last.middle) == (1, None)
    assert last.why_not == "λ = 30 between them has no result"


def test_every_choice_is_said_in_a_line() -> None:
    (step,) = steps([point(10, (3, 90)), point(20, (3, 71))], 2)
    assert step.middle is not None
    line = "λ = 14: between 10 and 20 hypocritical risk falls 19 points"
    assert words.reason("", Choice(0, step.middle, step)) == line
    assert words.reason("thrm", Choice(0, step.middle, step)) == f"thrm {line}"
    assert words.left("thrm", [], 2) == "thrm fewer than two λ have a result"


def test_zero_has_a_smallest_neighbour() -> None:
    def jump(lambda_: float, seed: int) -> tuple[float, float]:
        return 3, 90.0 if lambda_ == 0 else 50.0

    (found,), _ = searched([jump], gap=2, budget=100)
    assert (found[0].low, found[0].high) == (0, SMALLEST)
