"""Two methods beside each other: paired tests against scipy's, McNemar by hand, and what the sentences claim."""

from __future__ import annotations

import csv
import io
import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pandas
import pytest
from fake_runs import MakeRun
from scipy import stats

from analysis.__main__ import main
from analysis.reading.collect import collect
from analysis.tables.compare import Difference, compare
from analysis.tables.comparison_text import markdown
from hypo.settings.errors import InputError

HIDDEN = {"thrm": (0.70, 0.72, 0.69, 0.74), "trades": (0.61, 0.66, 0.66, 0.60)}


@pytest.fixture
def both(outputs: Path, make_run: MakeRun) -> Path:
    """Four seeds of two defenses at λ = 5, and λ = 10 of one of them only."""
    for defense, values in HIDDEN.items():
        for seed, value in enumerate(values):
            make_run(outputs, defense, 5, seed, R_hyp_minus=value)
    make_run(outputs, "thrm", 10)
    return outputs


def found(differences: list[Difference], metric: str) -> Difference:
    (only,) = [difference for difference in differences if difference.metric == metric]
    return only


def add_examples(run: Path, correct: list[bool], hidden: list[bool] | None = None, labels: int = 0) -> None:
    columns = {"correct": correct, "adv": [not good for good in correct], "hyp": hidden or correct}
    indices = np.arange(len(correct))
    pandas.DataFrame({"example": indices, "label": labels, **columns}).to_parquet(run / "examples.parquet")


def test_seeds_are_paired_as_scipy_pairs_them(both: Path) -> None:
    difference = found(compare(collect(both), "thrm", "trades"), "R_hyp_minus")
    oracle = stats.ttest_rel(*(100 * np.array(values) for values in HIDDEN.values()))
    assert difference.p == pytest.approx(oracle.pvalue)
    assert (difference.low, difference.high) == pytest.approx(tuple(oracle.confidence_interval()))
    assert (difference.seeds, difference.lambdas) == (4, ("5", "5"))
    assert difference.points == pytest.approx(100 * (np.mean(HIDDEN["thrm"]) - np.mean(HIDDEN["trades"])))
    assert difference.sentence.startswith(
        "R_hyp⁻ at λ = 5: thrm 71.25, trades 63.25; thrm is higher by 8.00 points"
    )


def test_turned_round_it_says_the_opposite(both: Path) -> None:
    there, back = (
        found(compare(collect(both), *methods), "R_hyp_minus")
        for methods in [("thrm", "trades"), ("trades", "thrm")]
    )
    assert (back.points, back.low, back.high) == pytest.approx((-there.points, -there.high, -there.low))
    assert "trades is lower by 8.00 points" in back.sentence


def test_only_seeds_that_both_have_count(both: Path, make_run: MakeRun) -> None:
    before = found(compare(collect(both), "thrm", "trades"), "R_hyp_minus")
    make_run(both, "thrm", 5, seed=9, R_hyp_minus=0.01)
    make_run(both, "trades", 5, seed=10, state="failed")
    assert found(compare(collect(both), "thrm", "trades"), "R_hyp_minus") == before


def test_undefined_risks_leave_their_seed_out(both: Path, make_run: MakeRun) -> None:
    for defense in HIDDEN:
        make_run(both, defense, 5, seed=7, R_hyp_minus=None)
    differences = compare(collect(both), "thrm", "trades")
    assert found(differences, "R_hyp_minus").seeds == 4
    assert found(differences, "D").seeds == 5


def test_what_the_seeds_do_not_resolve_is_not_claimed(outputs: Path, make_run: MakeRun) -> None:
    for seed, (one, other) in enumerate([(0.5, 0.6), (0.6, 0.5), (0.55, 0.5)]):
        make_run(outputs, "thrm", 5, seed, D=one)
        make_run(outputs, "trades", 5, seed, D=other)
    sentence = found(compare(collect(outputs), "thrm", "trades"), "D").sentence
    assert "3 seeds do not tell them apart" in sentence
    assert "higher" not in sentence
    assert "lower" not in sentence


@pytest.mark.parametrize(
    ("seeds", "said"),
    [(1, "one seed, which says nothing"), (3, "+10.00 points in each of 3 seeds, without a spread")],
)
def test_without_a_spread_there_is_no_test(outputs: Path, make_run: MakeRun, seeds: int, said: str) -> None:
    for seed in range(seeds):
        make_run(outputs, "thrm", 5, seed, D=0.7)
        make_run(outputs, "trades", 5, seed, D=0.6)
    difference = found(compare(collect(outputs), "thrm", "trades"), "D")
    assert math.isnan(difference.p)
    assert math.isnan(difference.low)
    assert said in difference.sentence


def test_what_one_seed_does_not_tell_is_said_once(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for defense, lambda_, epsilon in product(HIDDEN, (1, 5, 10), (0.1, 0.2)):
        make_run(outputs, defense, lambda_, epsilon=epsilon)
    for form in ("md", "latex"):
        assert main(["compare", "thrm", "trades", str(outputs), "--format", form]) == 0
        text = capsys.readouterr().out
        assert text.count("how another training would come out") == 1
        assert text.count("; one seed.") == 2 * 3 * 5
    assert main(["compare", "thrm", "trades", str(outputs), "--format", "json"]) == 0
    for record in json.loads(capsys.readouterr().out):  # each of which may be read by itself
        assert record["sentence"].endswith(
            "; one seed, which says nothing of how another training would come out."
        )
    for defense in HIDDEN:
        for seed in (1, 2):
            make_run(outputs, defense, 5, seed)
    frame = collect(outputs)
    assert "another training" in markdown(compare(frame, "thrm", "trades"))
    assert "another training" not in markdown(compare(frame[frame["seed"] > 0], "thrm", "trades"))


def test_single_examples_are_compared_seed_by_seed(outputs: Path, make_run: MakeRun) -> None:
    """Eight images: five that only the first gets right, one that only the second does."""
    for seed in range(2):
        add_examples(make_run(outputs, "thrm", 5, seed), [True] * 7 + [False])
        add_examples(make_run(outputs, "trades", 5, seed), [True] * 2 + [False] * 5 + [True])
    differences = compare(collect(outputs), "thrm", "trades")
    seen = found(differences, "D").disagreement
    assert seen is not None
    assert (seen.examples, seen.first_only, seen.second_only) == (16, 10, 2)
    assert seen.agreement == pytest.approx(25)
    assert seen.p == pytest.approx([2 * (1 + 6) / 2**6] * 2)  # P(at most 1 of 6 tosses), both ways
    # An example that an adversary breaks counts against the model: A agrees with D here.
    assert found(differences, "A").disagreement == seen
    assert found(differences, "R_hyp_minus").disagreement is None


def test_a_broken_file_of_examples_costs_no_more_than_itself(both: Path) -> None:
    for run in sorted((both / "runs").iterdir())[:3]:
        (run / "examples.parquet").write_bytes(b"no parquet")
    assert found(compare(collect(both), "thrm", "trades"), "D").disagreement is None


@pytest.mark.parametrize("change", ["labels", "number", "missing"])
def test_other_test_sets_are_not_compared_example_by_example(
    outputs: Path, make_run: MakeRun, change: str
) -> None:
    add_examples(make_run(outputs, "thrm"), [True] * 4)
    other = make_run(outputs, "trades")
    if change != "missing":
        add_examples(other, [True] * (4 if change == "labels" else 5), labels=int(change == "labels"))
    assert found(compare(collect(outputs), "thrm", "trades"), "D").disagreement is None


def test_methods_at_two_values_of_lambda_and_without_one(both: Path, make_run: MakeRun) -> None:
    make_run(both, "standard")
    frame = collect(both)
    assert {each.lambdas for each in compare(frame, "thrm:10", "trades:5")} == {("10", "5")}
    assert {each.lambdas for each in compare(frame, "thrm:10.0", "trades:10/2")} == {("10", "5")}
    assert {each.lambdas for each in compare(frame, "thrm", "trades")} == {("5", "5")}
    of_one = compare(frame, "thrm:5", "thrm:10")
    assert found(of_one, "R_hyp_minus").sentence.startswith("R_hyp⁻: thrm:5 70.00, thrm:10 50.00;")
    assert "| λ | metric | thrm:5 | thrm:10 |" in markdown(of_one)
    assert "| λ | metric | thrm | thrm:10 |" in markdown(compare(frame, "thrm", "thrm:10"))  # at 5 and at 10
    baseline = found(compare(frame, "standard:5", "thrm:5"), "D")
    assert baseline.sentence.startswith("D at λ = 5: standard 50.00, thrm 50.00;")


def test_experiments_stay_apart(both: Path, make_run: MakeRun) -> None:
    for defense in HIDDEN:
        make_run(both, defense, 5, epsilon=0.2)
    frame = collect(both)
    assert len({each.heading for each in compare(frame, "thrm", "trades")}) == 2


@pytest.mark.parametrize("methods", [("thrm", "foo"), ("thrm:10", "trades:10"), ("thrm:7", "trades")])
def test_what_is_not_there_is_named(both: Path, methods: tuple[str, str]) -> None:
    with pytest.raises(
        InputError, match=r"no experiment here has finished seeds of both.*of thrm:5, thrm:10, trades:5"
    ):
        compare(collect(both), *methods)


def test_the_command_prints_every_format(both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", "thrm", "trades", str(both)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert r"| 5 | R_hyp⁻ | 71.25 | 63.25 | +8.00 \[" in text
    assert "of 1 such tests 0.05 fall below" in text  # the other metrics are alike in all seeds
    assert main([*arguments, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert main([*arguments, "--format", "json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [row["metric"] for row in rows] == [record["metric"] for record in records]
    assert [row["metric"] for row in rows] == ["D", "A", "F", "R_adv_plus", "R_hyp_minus"]
    for row, record in zip(rows, records, strict=True):
        assert float(row["difference"]) == pytest.approx(record["difference"])
        assert row["sentence"] == record["sentence"]
    assert records[0]["p"] is None
    assert rows[0]["p"] == ""


def test_names_from_a_config_stay_text(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs, "<b>|x", 5)
    make_run(outputs, "trades", 5)
    assert main(["compare", "<b>|x", "trades", str(outputs)]) == 0
    out = capsys.readouterr().out
    assert "<b>" not in out
    assert r"&lt;b&gt;\|x" in out
