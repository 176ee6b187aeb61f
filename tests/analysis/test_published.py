"""The published numbers hold together, and each is found by the runs that it can be compared with."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

import analysis
from analysis.paper.published import Figure, PublishedRow, names, table
from analysis.paper.published_spreads import spreads
from hypo.settings.errors import InputError

FILE = Path(analysis.__file__).parent / "paper" / "reference" / "tao2022.csv"
LINES = list(csv.DictReader(FILE.read_text("utf-8").splitlines()))
TABLES = [f"tao2022/table{number}" for number in (1, 2, 3, *range(5, 15), 16)]
FIGURES = [f"tao2022/figure{number}" for number in range(2, 8)]


def test_no_figure_is_there_twice() -> None:
    keys = Counter(tuple(value for key, value in line.items() if key not in ("mean", "std")) for line in LINES)
    assert [key for key, count in keys.items() if count > 1] == []
    of = {line["table"] for line in LINES}
    assert {f"tao2022/table{number}" for number in of - {"figure2"}} == {*TABLES, "tao2022/table15"}
    assert [name for name in names() if name.startswith("tao2022/")] == [*TABLES, "tao2022/figure2"]


def by_metric(row: PublishedRow) -> dict[str, float]:
    return {metric: figure.mean for (_, metric), figure in row.figures.items()}


@pytest.mark.parametrize("number", [10, 11, 12, 13])
def test_the_theorems_hold_on_the_published_rows(number: int) -> None:
    """To within the rounding of two decimals; Theorems 4.3 and 4.4."""
    rows = table(f"tao2022/table{number}")
    assert len(rows) == 18
    for row in rows:
        value = {metric: percent / 100 for metric, percent in by_metric(row).items()}
        D, A, F, R_nat = (value[metric] for metric in ("D", "A", "F", "R_nat"))
        assert R_nat == pytest.approx(1 - D, abs=1e-9)
        assert pytest.approx(D * (1 - value["R_adv_plus"]), abs=1e-4) == A
        # Of one row this risk is cut off; the theorem alone would make it 1, and it is not made up.
        R_hyp_minus = value.get("R_hyp_minus", 1.0)
        assert pytest.approx(1 - (1 - R_hyp_minus) * R_nat, abs=1e-4) == F


def test_one_risk_is_cut_off_and_not_made_up() -> None:
    lacking = [
        (number, row.setting["defense"], row.setting["lambda"])
        for number in (10, 11, 12, 13)
        for row in table(f"tao2022/table{number}")
        if "R_hyp_minus" not in by_metric(row)
    ]
    assert lacking == [(10, "trades", "0")]


@pytest.mark.parametrize("number", [10, 11, 12, 13])
def test_whole_counts_give_the_printed_risks_to_the_digit(number: int) -> None:
    """D, A and F as counts of 10,000 test images: these tables are single runs, of means this would not hold."""
    for row in table(f"tao2022/table{number}"):
        value = by_metric(row)
        right, robust, fooled = (round(100 * value[metric]) for metric in ("D", "A", "F"))
        risks = {"R_adv_plus": (right - robust) / right, "R_hyp_minus": (fooled - right) / (10_000 - right)}
        for metric, risk in risks.items():
            if metric in value:
                assert f"{100 * risk:.2f}" == f"{value[metric]:.2f}"


@pytest.mark.parametrize("name", [*TABLES, *FIGURES])
def test_the_adversary_takes_away_and_the_false_friend_adds(name: str) -> None:
    for row in table(name):
        value = by_metric(row)
        if {"D", "A", "F"} <= value.keys():
            assert value["A"] <= value["D"] <= value["F"]


@pytest.mark.parametrize(("short", "full"), [("table1", "table5"), ("table2", "table7")])
def test_two_tables_repeat_the_means_of_two_others(short: str, full: str) -> None:
    means = {
        name: {tuple(row.setting.values()): by_metric(row) for row in table(f"tao2022/{name}")}
        for name in (short, full)
    }
    assert means[short] == means[full]
    assert all(figure.std is None for row in table(f"tao2022/{short}") for figure in row.figures.values())
    assert all(figure.std is not None for row in table(f"tao2022/{full}") for figure in row.figures.values())


def by_method(*numbers: int) -> dict[tuple[str, ...], dict[str, float]]:
    """Table after table: D, A and F under PGD-20 of each data set, training data and defense."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for row in (row for number in numbers for row in table(f"tao2022/table{number}")):
        means = {
            metric: figure.mean
            for (attack, metric), figure in row.figures.items()
            if attack in ("pgd-20", "clean")
        }
        found[tuple(row.setting[key] for key in ("dataset", "data", "defense", "lambda"))] = means
    return found


def test_table_3_repeats_tables_7_and_8_but_for_three_figures() -> None:
    short, full = by_method(3), by_method(7, 8)
    assert {key for key in short if key not in full} == {
        ("cifar10", data, "standard", "") for data in ("poisoning", "quality")
    }
    differing = {
        (*key[:3], metric): (value, full[key][metric])
        for key, means in short.items()
        for metric, value in means.items()
        if key in full and value != full[key][metric]
    }
    assert differing == {
        ("cifar100", "quality", "standard", "A"): (0.0, 0.01),
        ("cifar100", "quality", "standard", "F"): (100.0, 99.96),
        ("tinyimagenet", "quality", "standard", "A"): (0.0, 0.02),
    }


def test_table_14_has_one_run_of_table_10_and_the_means_of_table_3() -> None:
    single, means = by_method(10), by_method(3)
    for key, found in by_method(14).items():
        *_, defense, _ = key
        if defense != "none":
            source = (single if defense == "thrm" else means)[key]
            assert found == {metric: source[metric] for metric in ("D", "F")}


@pytest.mark.parametrize("name", TABLES)
def test_a_spread_is_printed_where_it_is_said_to_be(name: str) -> None:
    (said,) = spreads(name)
    stds = {figure.std is not None for row in table(name) for figure in row.figures.values()}
    assert stds == {"± std" in said}


def test_the_toy_problem_has_its_closed_forms() -> None:
    toy = [line for line in LINES if line["table"] == "15"]
    assert {line["attack"] for line in toy} == {"exact"}
    found = {(line["arch"], line["metric"]): float(line["mean"]) / 100 for line in toy}
    for arch, R_nat in (("bayes", 1 / 8), ("all_one", 3 / 8)):
        assert found[arch, "R_nat"] == R_nat
        assert found[arch, "R_adv"] == R_nat + (1 - R_nat) * found[arch, "R_adv_plus"]
        assert found[arch, "R_hyp"] == 1 - (1 - found[arch, "R_hyp_minus"]) * R_nat


def test_certified_bounds_are_on_their_side_of_the_measured_figures() -> None:
    for row in table("tao2022/table16"):
        value = {metric: figure.mean for (_, metric), figure in row.figures.items()}
        assert value["A_certified"] <= value["A"]
        assert value["F_certified"] >= value["F"]
        assert value["R_hyp_minus_certified"] >= value["R_hyp_minus"]


def test_the_second_block_of_table_10_is_trades() -> None:
    blocks = [(row.setting["defense"], row.setting["lambda"]) for row in table("tao2022/table10")]
    lambdas = ["0", "1", "5", "10", "20", "40", "60", "80", "100"]
    assert blocks == [(defense, value) for defense in ("thrm", "trades") for value in lambdas]
    of_table_14 = {row.setting["defense"]: row.figures for row in table("tao2022/table14")}
    thrm_40 = next(row for row in table("tao2022/table10") if row.setting["lambda"] == "40")
    assert thrm_40.figures["pgd-20", "F"] == of_table_14["thrm"]["pgd-20", "F"] == Figure(94.18, None)


@pytest.mark.parametrize(
    ("figure", "tables", "data"),
    [
        ("figure3", (8, 9), "quality"),
        ("figure4", (10, 11, 12), "quality"),
        ("figure5", (8, 9), "poisoning"),
        ("figure6", (13,), "poisoning"),
        ("figure7", (10, 11, 12), "quality"),
    ],
)
def test_a_figure_has_the_rows_of_what_it_draws(figure: str, tables: tuple[int, ...], data: str) -> None:
    rows = [row for number in tables for row in table(f"tao2022/table{number}") if row.setting["data"] == data]
    assert rows
    assert table(f"tao2022/{figure}") == rows


def test_figure_2_has_what_the_text_says_of_it_with_the_decimals_it_has() -> None:
    found = {
        row.setting["data"]: {metric: figure for (_, metric), figure in row.figures.items()}
        for row in table("tao2022/figure2")
    }
    assert found == {
        "quality": {"D": Figure(94.4, None, 1), "F": Figure(100.0, None, 0)},
        "mislabeling": {"D": Figure(9.8, None, 1), "F": Figure(100.0, None, 1)},
    }


@pytest.mark.parametrize("name", ["tao2022/table99", "tao2022/table4"])
def test_an_unknown_name_is_told_which_there_are(name: str) -> None:
    with pytest.raises(
        InputError, match=rf"^--paper: takes one of tao2022/table1, .*, tao2022/figure7, got '{name}'$"
    ):
        table(name)


@pytest.mark.parametrize("name", ["table10", "tao2019/table10"])
def test_a_name_of_no_source_is_told_which_there_are(name: str) -> None:
    with pytest.raises(
        InputError, match=rf"^--paper: takes one of tao2022/TABLE, .*, lecture/TABLE, got '{name}'$"
    ):
        table(name)


@pytest.mark.parametrize("name", ["tao2022/table15", "tao2020/table3"])
def test_no_run_can_be_compared_with_the_toy_problem(name: str) -> None:
    told = "is a toy problem whose risks are computed exactly, no run is one of it"
    with pytest.raises(InputError, match=rf"^--paper: {name} {told}; python -m analysis toy example1 shows it$"):
        table(name)


RUN = {
    "dataset": "cifar10",
    "arch": "resnet18",
    "arch.width": "64",
    "norm": "linf",
    "training_data": "quality",
    "defense": "thrm",
    "lambda_value": 5.0,
    "epsilon_value": 8 / 255,
}


@pytest.mark.parametrize(
    ("changes", "matches"),
    [
        ({}, True),
        ({"recipe.epochs": "1", "evaluation": "fgsm"}, True),
        ({"dataset": "cifar100"}, False),
        ({"arch.width": "16"}, False),
        ({"norm": "l2"}, False),
        ({"training_data": "poisoning"}, False),
        ({"defense": "trades"}, False),
        ({"lambda_value": 6.0}, False),
        ({"epsilon_value": 4 / 255}, False),
    ],
)
def test_a_run_matches_the_row_of_its_experiment(changes: dict, matches: bool) -> None:
    row = next(row for row in table("tao2022/table10") if row.setting["lambda"] == "5")
    assert row.matches({**RUN, **changes}) == matches
