"""Toy problems: formulas held against grids, against each other, and against what was published."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.toys import disc_and_line, example1, example2
from analysis.toys.check import Check, Toy, deviation, markdown, records, share
from analysis.toys.published_toys import published

SAMPLES = 20_000


def agree(found: Toy) -> None:
    """Sampling is within five standard errors of the formulas, and equal where these leave nothing to chance."""
    for check in found.checks:
        if not np.isnan(check.formula):
            assert abs(deviation(check)) < 5 or check.error is None, check


def test_a_check_says_how_far_both_are_apart() -> None:
    assert deviation(share({}, "q", 0.5, 60, 100)) == pytest.approx(2)
    assert deviation(share({}, "q", 1.0, 100, 100)) == 0
    assert deviation(share({}, "q", 1.0, 99, 100)) == -np.inf
    assert np.isnan(deviation(Check({}, "q", 1.0, 2.0)))
    assert np.isnan(share({}, "q", 0.5, 0, 0).found)


@pytest.mark.parametrize("name", list(example1.CLASSIFIERS))
@pytest.mark.parametrize("epsilon", [1 / 2, 1 / 4, 1 / 10, 1 / 26])
def test_risks_of_the_first_are_what_a_grid_gives_and_what_was_published(name: str, epsilon: float) -> None:
    """On a grid that no cell's end lies on, with both labels weighted by η."""
    classifier = example1.CLASSIFIERS[name]
    parts = round(1 / epsilon) * 200
    x = (np.arange(parts) + 0.5) / parts
    positive = example1.eta(x, epsilon)
    offsets = np.arange(-200, 201)  # of up to ε
    inside = np.clip(np.arange(parts)[:, None] + offsets, 0, parts - 1)
    calls = classifier.predict(x, epsilon)
    reached = {label: (calls[inside] == label).any(1) for label in (-1, 1)}
    weights = {1: positive, -1: 1 - positive}

    def mean(event: Any) -> float:
        return float(sum((weights[label] * event(label)).mean() for label in (-1, 1)))

    natural = mean(lambda label: calls != label)
    expected = {
        "R_nat": natural,
        "R_hyp": mean(lambda label: reached[label]),
        "R_adv": mean(lambda label: reached[-label]),
        "R_hyp_minus": mean(lambda label: reached[label] & (calls != label)) / natural,
        "R_adv_plus": mean(lambda label: reached[-label] & (calls == label)) / (1 - natural),
    }
    assert example1.risks(classifier) == pytest.approx(expected, abs=1e-12)
    printed = published("toy_example1")
    assert {risk: printed[name, risk] for risk in example1.RISKS} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("epsilon", [0.5, 0.1, 0.05])
def test_sampling_the_first_finds_its_risks(epsilon: float) -> None:
    found = example1.toy(epsilon, SAMPLES, seed=1)
    assert len(found.checks) == 10
    assert all(check.published == check.formula for check in found.checks)
    agree(found)


def test_the_disc_below_a_line_is_the_integral_of_its_chords() -> None:
    heights = np.linspace(0, 1, 200_001)
    chords = 2 * np.sqrt(np.maximum(0.4**2 - (heights - 0.5) ** 2, 0))
    steps = (chords[1:] + chords[:-1]) / 2 * np.diff(heights)
    integral = np.concatenate([[0], np.cumsum(steps)])
    assert np.abs(disc_and_line.below(heights) - integral).max() < 1e-6
    assert disc_and_line.below(np.array([0.05, 0.95])) == pytest.approx([0, disc_and_line.DISC])


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(0.001, 1.5))
def test_areas_of_the_second_fit_together_and_are_those_of_a_grid(b: float, epsilon: float) -> None:
    area = {name: float(value) for name, value in disc_and_line.areas(np.array(b), epsilon).items()}
    assert area["tp"] + area["fp"] + area["fn"] + area["tn"] == pytest.approx(1)
    middles = (np.arange(300) + 0.5) / 300
    x1, x2 = np.meshgrid(middles, middles)
    positive, called = (x1 - 0.5) ** 2 + (x2 - 0.5) ** 2 < 0.16, x2 > b
    near = np.abs(x2 - b) <= epsilon
    parts = {
        "tp": positive & called,
        "fp": ~positive & called,
        "fn": positive & ~called,
        "tn": ~positive & ~called,
    }
    for name, part in parts.items():
        assert -1e-12 <= area[f"{name}_near"] <= area[name] + 1e-12
        assert area[name] == pytest.approx(part.mean(), abs=0.005)
        assert area[f"{name}_near"] == pytest.approx((part & near).mean(), abs=0.01)


@given(st.floats(0.01, 0.99))
def test_upside_down_correct_and_wrong_change_places(b: float) -> None:
    """Turned over, what the line calls positive is what it called negative: each mistake becomes correct."""
    here, there = (disc_and_line.ratios(np.array([at]), 0.1) for at in (b, 1 - b))
    assert here["R_nat"][0] == pytest.approx(1 - there["R_nat"][0])
    assert here["R_adv_plus"][0] == pytest.approx(there["R_hyp_minus"][0], abs=1e-9)


@pytest.mark.parametrize("b", [0.0, 0.05, 0.35, 0.92, 1.0])
def test_sampling_the_second_finds_its_shares(b: float) -> None:
    known = disc_and_line.ratios(np.array([b]), 0.1)
    for name, drawn in example2.counts(b, 0.1, SAMPLES, seed=3).items():
        if np.isnan(known[name][0]):
            assert (name, b, drawn) == ("precision", 1.0, (0, 0))
        else:
            assert abs(deviation(share({}, name, float(known[name][0]), *drawn))) < 5


def test_no_point_of_a_ball_does_more_than_its_highest_and_its_lowest() -> None:
    """Points all over the disc of ε around each sample cross the line only where those two do."""
    random = np.random.default_rng(0)
    x, b, epsilon = random.uniform(size=500), 0.4, 0.1
    angle, distance = random.uniform(0, 2 * np.pi, (500, 200)), epsilon * random.uniform(size=(500, 200)) ** 0.5
    visited = x[:, None] + distance * np.sin(angle)
    crossed = ((visited > b) != (x > b)[:, None]).any(1)
    assert np.all(crossed <= (np.abs(x - b) <= epsilon))


def test_precision_and_recall_trade_off_between_the_dotted_lines_alone() -> None:
    low, high = disc_and_line.tradeoff()
    assert low == pytest.approx(0.1)
    b = np.linspace(0.001, 0.999, 999)
    found = disc_and_line.ratios(b, 0.1)
    against = (np.diff(found["precision"]) > 1e-12) & (np.diff(found["recall"]) < -1e-12)
    middles = (b[1:] + b[:-1]) / 2
    assert np.abs(middles[against].min() - low) < 0.002
    assert np.abs(middles[against].max() - high) < 0.002


def test_risks_of_the_second_move_against_each_other_almost_everywhere() -> None:
    """What Figure 12 is to show; R_nat is least where neither of them is."""
    (_, least, against) = example2.remarks(0.1)
    assert "R_nat at b = 0.188" in least  # where the chord is half a side: 0.5 − (0.4² − 0.25²)^½
    assert "93.1 % of [0, 1]" in against


def test_the_tables_agree_and_say_what_they_are() -> None:
    found = example2.toy(0.1, SAMPLES, seed=0)
    agree(found)
    text = markdown(found)
    assert "| 0.5 | recall | 0.5000 |" in text
    assert "published" not in text
    assert len(records(found)) == len(found.checks) == 25


@pytest.mark.parametrize("name", ["example1", "example2", "gaussian"])
def test_a_toy_prints_its_table_and_saves_it_with_a_picture(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["toy", name, "--samples", "500", "--seed", "4", "-o", str(tmp_path / "new")]
    assert main(typed) == 0
    out, err = capsys.readouterr()
    assert err == ""
    table, _, files = out.partition("\n\n" + str(tmp_path))
    assert table.startswith("### ")
    assert "500 samples, seed 4" in table
    assert [Path(path).name for path in f"{tmp_path}{files}".split()] == [
        f"toy-{name}{suffix}" for suffix in (".csv", ".png", ".pdf", ".svg")
    ]
    rows = list(csv.DictReader((tmp_path / "new" / f"toy-{name}.csv").read_text().splitlines()))
    assert len(rows) == sum(line.startswith("| ") for line in table.splitlines()) - 1


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert main(["toy", "example1", "--samples", "500", "-o", str(tmp_path / name)]) == 0
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second")
    )
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            "example1 --epsilon 0.3",
            "--epsilon: takes one of 1/2, 1/4, 1/6, 1/8, 1/10, ... (1/(2ε) is whole), got 0.3",
        ),
        ("example1 --epsilon 1", "--epsilon: takes a number > 0 and <= 0.5"),
        ("example2 --epsilon 0", "--epsilon: takes a number > 0"),
        ("example2 --epsilon 0.1,0.2", "--epsilon: takes one number for example2, got '0.1,0.2'"),
        ("example2 --mean 1,2", "--mean: goes with gaussian, example2 has none"),
        ("example1 --covariance 1,0,1", "--covariance: goes with gaussian, example1 has none"),
        ("example1 --samples 1", "--samples: takes a whole number >= 2, got '1'"),
        ("example1 --seed x", "--seed: takes a whole number >= 0, got 'x'"),
        ("gaussian --epsilon=-1", "--epsilon: takes a number >= 0"),
        ("gaussian --mean 0,0", "--mean: takes two numbers such as 6,3, not both 0, got 0, 0"),
        ("gaussian --covariance 1,2,1", "--covariance: takes three numbers"),
    ],
)
def test_wrong_settings_are_one_line(
    arguments: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["toy", *arguments.split(), "-o", str(tmp_path / "new")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert problem in err
    assert not (tmp_path / "new").exists()
