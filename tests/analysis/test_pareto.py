"""Fronts by hand, domination by its definition, and intervals that follow from the seeds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fake_runs import MakeRun
from hypothesis import given
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.reading.collect import collect
from analysis.tables.pareto import fronts, staircase, undominated
from analysis.tables.pareto_text import markdown

Risks = dict[float, tuple[float, float]]

# Natural and hypocritical risk by λ. The fronts' heights: a has 80 from 2, 60 from 4, 50 from 8; b has 70 from 3.
A: Risks = {0: (0.02, 0.80), 1: (0.04, 0.60), 5: (0.08, 0.50)}
B: Risks = {0: (0.03, 0.70), 1: (0.06, 0.75)}


def add(outputs: Path, make_run: MakeRun, defense: str, risks: Risks, seed: int = 0, shift: float = 0.0) -> None:
    for lambda_, (natural, hypocritical) in risks.items():
        make_run(outputs, defense, lambda_, seed, R_nat=natural, R_hyp_minus=hypocritical + shift)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8))
def test_dominated_is_what_another_point_beats(points: list[tuple[int, int]]) -> None:
    found = undominated(np.array(points, dtype=float))
    for (x, y), survives in zip(points, found, strict=True):
        beaten = any(a <= x and b <= y and (a < x or b < y) for a, b in points)
        assert survives == (not beaten)


def test_a_point_that_is_not_there_beats_none() -> None:
    assert undominated(np.array([[1.0, 1.0], [np.nan, np.nan]])).tolist() == [True, False]


def test_a_staircase_is_the_least_so_far() -> None:
    points = np.array([[3.0, 5.0], [1.0, 7.0], [4.0, 6.0]])
    heights = staircase(points, np.array([0.5, 1.0, 2.9, 3.0, 9.0]))
    assert heights.tolist() == [np.inf, 7, 7, 5, 5]


def test_fronts_by_hand(outputs: Path, make_run: MakeRun) -> None:
    """From 3 to 8 percent: a is 80 for 1 and 60 for 4 points of natural risk, b 70 for all 5; they cross at 4."""
    add(outputs, make_run, "a", A)
    add(outputs, make_run, "b", B)
    (found,) = fronts(collect(outputs))
    assert [(cell.defense, cell.lambda_) for cell in found.undominated] == [
        *[("a", "0"), ("a", "1"), ("a", "5")],
        ("b", "0"),
    ]
    assert found.reach == pytest.approx((3, 8))
    assert found.heights["a"].value == pytest.approx((1 * 80 + 4 * 60) / 5)
    assert found.heights["b"].value == pytest.approx(70)
    (pair,) = found.pairs
    assert pair.difference.value == pytest.approx(70 - 64)
    assert pair.crossings == pytest.approx((4,))


def test_one_seed_gives_no_interval_and_no_share(outputs: Path, make_run: MakeRun) -> None:
    add(outputs, make_run, "a", A)
    (found,) = fronts(collect(outputs))
    assert found.heights["a"].low is None
    assert {cell.share for cell in found.undominated} == {None}


def test_seeds_that_agree_give_intervals_without_width(outputs: Path, make_run: MakeRun) -> None:
    for seed in range(3):
        add(outputs, make_run, "a", A, seed)
        add(outputs, make_run, "b", B, seed)
    (found,) = fronts(collect(outputs))
    height = found.heights["a"]
    assert (height.low, height.high) == pytest.approx((height.value, height.value))
    assert {cell.share for cell in found.undominated} == {1.0}
    assert found.pairs[0].crossing_share == 1


def test_what_all_seeds_share_cancels_in_the_difference(outputs: Path, make_run: MakeRun) -> None:
    """A shift of both methods by seed moves both heights and not their difference: the seeds are paired."""
    for seed, shift in enumerate([-0.1, 0.0, 0.1]):
        add(outputs, make_run, "a", A, seed, shift)
        add(outputs, make_run, "b", B, seed, shift)
    (found,) = fronts(collect(outputs))
    for method, value in [("a", 64), ("b", 70)]:
        height = found.heights[method]
        assert height.value == pytest.approx(value)
        assert height.low == pytest.approx(value - 10, abs=1)  # all three draws the lowest seed: once in 27
        assert height.high == pytest.approx(value + 10, abs=1)
    difference = found.pairs[0].difference
    assert (difference.low, difference.high) == pytest.approx((6, 6))


def test_only_seeds_that_every_cell_has_are_set_beside_each_other(outputs: Path, make_run: MakeRun) -> None:
    """A run that failed or was never made, of one method at one λ, takes its seed out of all cells."""
    for seed, shift in enumerate([-0.2, 0.1, 0.0, 0.0]):
        add(outputs, make_run, "a", A if seed else {0: A[0], 1: A[1]}, seed, shift)
        add(outputs, make_run, "b", B if seed != 1 else {0: B[0]}, seed, shift)
    make_run(outputs, "a", 5, 0, state="failed")
    make_run(outputs, "a", 40, 0, R_nat=0.0, R_hyp_minus=None)  # a cell without mistakes is no point
    (found,) = fronts(collect(outputs))
    assert (found.seeds, found.left_out) == ((2, 3), (0, 1))
    assert [found.heights[method].value for method in ("a", "b")] == pytest.approx([64, 70])
    difference = found.pairs[0].difference
    assert (difference.value, difference.low, difference.high) == pytest.approx((6, 6, 6))
    assert "seed 0, 1" in markdown([found])


def test_without_a_common_seed_nothing_is_compared(outputs: Path, make_run: MakeRun) -> None:
    add(outputs, make_run, "a", A, 0)
    add(outputs, make_run, "b", B, 1)
    (found,) = fronts(collect(outputs))
    assert (found.seeds, found.left_out, found.undominated, found.heights) == ((), (0, 1), (), {})
    assert "not dominated" not in markdown([found])


def test_fronts_that_meet_at_one_place_are_not_compared(outputs: Path, make_run: MakeRun) -> None:
    """The only undominated cell of b is where the front of a has ended."""
    add(outputs, make_run, "a", A)
    add(outputs, make_run, "b", {0: (0.09, 0.7), 1: (0.10, 0.75)})
    (found,) = fronts(collect(outputs))
    assert (found.heights, found.pairs) == ({}, ())
    assert "only one place in common, R_nat 9.00" in markdown([found])


def test_methods_without_several_weights_have_no_front(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, "standard")
    assert fronts(collect(outputs)) == []
    add(outputs, make_run, "a", A)
    (found,) = fronts(collect(outputs))
    assert list(found.heights) == ["a"]
    assert found.pairs == ()


def test_the_command_says_it_in_words_and_in_json(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(2):
        add(outputs, make_run, "a", A, seed)
        add(outputs, make_run, "b", B, seed)
    assert main(["pareto", str(outputs)]) == 0
    out = capsys.readouterr().out
    assert "not dominated, 2 seeds (3 different draws): a λ = 0 (100 %), a λ = 1 (100 %)" in out
    assert "b minus a: +6.00 \\[+6.00, +6.00\\]; they cross at R_nat 4.00 (100 % of the draws do, " in out
    assert "the last time at 4.00 \\[4.00, 4.00\\])" in out
    assert main(["pareto", str(outputs), "--format", "json"]) == 0
    records = json.loads(capsys.readouterr().out)
    undominated_cells = [record for record in records if record["quantity"] == "not dominated"]
    assert [(record["method"], record["lambda"], record["share"]) for record in undominated_cells] == [
        *[("a", "0", 1), ("a", "1", 1), ("a", "5", 1)],
        ("b", "0", 1),
    ]
    others = {(record["quantity"], record["method"]): record for record in records if record["value"] is not None}
    assert others["height of the front", "b"]["value"] == 70
    above = others["height above that of the other", "b"]
    assert (above["other"], above["value"], above["low"], above["high"]) == ("a", 6, 6, 6)
    crossing = others["R_nat of a crossing", "b"]
    assert (crossing["value"], crossing["low"], crossing["high"], crossing["share"]) == (4, 4, 4, 1)


def test_without_a_front_the_command_says_so(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs, "standard")
    assert main(["pareto", str(outputs)]) == 0
    assert "No method here has finished runs at several λ." in capsys.readouterr().out
