"""The published numbers hold together, and each is found by the runs that it can be compared with."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

import analysis
from analysis.published import Figure, shortened, table
from hypo.errors import InputError

FILE = Path(analysis.__file__).parent / "reference" / "tao2022.csv"
LINES = list(csv.DictReader(FILE.read_text("utf-8").splitlines()))
TABLES = [f"tao2022/table{number}" for number in (3, *range(5, 15), 16)]


def test_no_figure_is_there_twice() -> None:
    keys = Counter(tuple(value for key, value in line.items() if key not in ("mean", "std")) for line in LINES)
    assert [key for key, count in keys.items() if count > 1] == []
    assert {f"tao2022/table{line['table']}" for line in LINES} == set(TABLES)


@pytest.mark.parametrize("number", [10, 11, 12, 13])
def test_the_theorems_hold_on_the_published_rows(number: int) -> None:
    """To within the rounding of two decimals; Theorems 4.3 and 4.4."""
    rows = table(f"tao2022/table{number}")
    assert len(rows) == (17 if number == 10 else 18)
    for row in rows:
        D, A, F, R_nat, R_adv_plus, R_hyp_minus = (figure.mean / 100 for figure in row.figures.values())
        assert R_nat == pytest.approx(1 - D, abs=1e-9)
        assert pytest.approx(D * (1 - R_adv_plus), abs=1e-4) == A
        assert pytest.approx(1 - (1 - R_hyp_minus) * R_nat, abs=1e-4) == F


def test_certified_bounds_are_on_their_side_of_the_measured_figures() -> None:
    for row in table("tao2022/table16"):
        value = {metric: figure.mean for (_, metric), figure in row.figures.items()}
        assert value["A_certified"] <= value["A"]
        assert value["F_certified"] >= value["F"]
        assert value["R_hyp_minus_certified"] >= value["R_hyp_minus"]


def test_the_second_block_of_table_10_is_trades() -> None:
    blocks = [(row.setting["defense"], row.setting["lambda"]) for row in table("tao2022/table10")]
    lambdas = ["0", "1", "5", "10", "20", "40", "60", "80", "100"]
    assert blocks == [("thrm", value) for value in lambdas] + [("trades", value) for value in lambdas[1:]]
    of_table_14 = {row.setting["defense"]: row.figures for row in table("tao2022/table14")}
    thrm_40 = next(row for row in table("tao2022/table10") if row.setting["lambda"] == "40")
    assert thrm_40.figures["pgd-20", "F"] == of_table_14["thrm"]["pgd-20", "F"] == Figure(94.18, None)


def test_figure_4_is_table_10() -> None:
    assert table("tao2022/figure4") == table("tao2022/table10")


@pytest.mark.parametrize("name", ["tao2022/table99", "table10", "tao2022/table1"])
def test_an_unknown_name_is_told_which_there_are(name: str) -> None:
    with pytest.raises(
        InputError, match=rf"^--paper: takes one of tao2022/figure4, tao2022/table3, .*, got '{name}'$"
    ):
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


def test_in_what_a_run_falls_short_is_told() -> None:
    full = {**RUN, "recipe.epochs": 110, "recipe.train_limit": float("nan"), "evaluation.test_limit": None}
    assert shortened(full) == []
    assert shortened({**full, "recipe.epochs": 2, "recipe.train_limit": 500}) == [
        "recipe.train_limit = 500",
        "recipe.epochs = 2 of 110",
    ]
    assert shortened({**full, "recipe.epochs": 2, "training_data": "naive"}) == []
