"""What is published of Tao et al. (2020), Ilyas et al. (2019) and the lecture, and what their tables are of."""

from __future__ import annotations

import statistics

import pytest

from analysis.paper.published import Figure, PublishedRow, curves, rows_of, table
from analysis.paper.published_spreads import spreads
from hypo.settings.errors import InputError

LAMBDAS = ["0", "1", "5", "10", "20", "40", "60", "80", "100"]
"""Of Tao et al. (2022): the 2020 text has none."""

TRIALS = "100.0 95.0 0.0 100.0 95.1 0.0 100.0 95.3 0.0"
"""F, D and A of "Standard (Wide ResNet)" in three trials, as they stand in the text of Tao et al. (2020)."""


def by(rows: list[PublishedRow], *keys: str) -> list[tuple[str, ...]]:
    return [tuple(row.setting[key] for key in keys) for row in rows]


def known(rows: list[PublishedRow]) -> dict[tuple[str, ...], dict[tuple[str, str], Figure]]:
    """The figures that there are, by data set, architecture, training data and defense."""
    found = {
        tuple(row.setting[key] for key in ("dataset", "arch", "data", "defense")): {
            key: figure for key, figure in row.figures.items() if figure
        }
        for row in rows
    }
    return {key: figures for key, figures in found.items() if figures}


def test_trials_that_are_printed_one_by_one_are_averaged() -> None:
    numbers = list(map(float, TRIALS.split()))
    expected = {
        ("pgd-50x20", metric): Figure(
            pytest.approx(statistics.mean(numbers[at::3])), pytest.approx(statistics.stdev(numbers[at::3])), 1, 3
        )
        for at, metric in enumerate("FDA")
    }
    assert known(table("tao2020/table7")) == {("cifar10", "wrn28_10", "quality", "standard"): expected}


def test_of_imagenet_the_text_has_two_numbers() -> None:
    """ "the hypocritical performance is still as low as the clean performance (only 0.1%)"."""
    found = {("pgd-50", metric): Figure(0.1, None, 1, 3) for metric in "FD"}
    assert known(table("tao2020/table6")) == {("imagenet", "resnet152", "naive", "none"): found}


def test_table_1_of_ilyas_is_as_it_is_printed() -> None:
    """ "D 95.3% 96.6% D̂rand 63.3% 87.9% D̂det 43.7% 64.4%", the columns CIFAR-10 and Restricted ImageNet."""
    printed = {"quality": (95.3, 96.6), "rand": (63.3, 87.9), "det": (43.7, 64.4)}
    assert known(table("ilyas2019/table1")) == {
        (dataset, "resnet50", data, "standard"): {("clean", "D"): Figure(numbers[column], None, 1, 1)}
        for column, dataset in enumerate(("cifar10", "restricted_imagenet"))
        for data, numbers in printed.items()
    }


def test_of_standard_training_the_lecture_has_zero_accuracies_at_every_capacity() -> None:
    zero = {("fgsm", "A"): Figure(0, None, 0, 1), ("pgd-20", "A"): Figure(0, None, 0, 1)}
    assert known(table("lecture/figure10")) == {
        ("mnist", f"lenet{width}", "quality", "standard"): zero for width in (1, 2, 4, 8, 16)
    }


@pytest.mark.parametrize("number", [5, 8, 9, 10, 11, 12, 13, 14])
def test_of_other_tables_the_text_has_no_number_and_none_is_made_up(number: int) -> None:
    rows = table(f"tao2020/table{number}")
    assert known(rows) == {}
    assert all(row.means == {} for row in rows)
    (said,) = spreads(f"tao2020/table{number}")
    assert said.startswith(f"Published in Table {number}: numbers that are not in the text")
    with pytest.raises(InputError, match=rf"^--paper: tao2020/table{number} has no curve"):
        curves(f"tao2020/table{number}")


@pytest.mark.parametrize(
    ("number", "dataset", "epsilon", "metrics"),
    [
        (8, "mnist", "0.2", ["R_nat", "R_hyp_minus"]),
        (9, "cifar10", "1/255", ["R_nat", "R_hyp_minus"]),
        (10, "cifar10", "2/255", ["R_nat", "R_hyp_minus"]),
        (11, "cifar10", "8/255", ["R_nat", "R_hyp_minus"]),
        (13, "mnist", "0.2", ["R_nat", "R_adv_plus"]),
        (14, "cifar10", "2/255", ["R_nat", "R_adv_plus"]),
    ],
)
def test_a_table_over_lambda_has_the_two_risks_of_its_caption(
    number: int, dataset: str, epsilon: str, metrics: list[str]
) -> None:
    rows = table(f"tao2020/table{number}")
    methods = [(defense, weight) for defense in ("thrm", "trades") for weight in LAMBDAS]
    assert by(rows, "defense", "lambda") == methods
    assert set(by(rows, "dataset", "eps", "norm", "data")) == {(dataset, epsilon, "linf", "quality")}
    assert {tuple(row.figures) for row in rows} == {tuple(("pgd-50x20", metric) for metric in metrics)}


def test_table_12_compares_four_methods_on_each_task() -> None:
    tasks = [("mnist", "0.2"), *(("cifar10", f"{epsilon}/255") for epsilon in (1, 2, 8))]
    methods = [("standard", ""), ("pgd_at", ""), ("trades", "6"), ("thrm", "40")]
    assert by(table("tao2020/table12"), "dataset", "eps", "defense", "lambda") == [
        (*task, *method) for task in tasks for method in methods
    ]


def test_attack_results_are_of_a_trained_model_and_of_ones_as_they_began() -> None:
    for name, arch in (("table5", "lenet"), ("table7", "wrn28_10")):
        rows = table(f"tao2020/{name}")
        assert by(rows, "arch", "data", "defense") == [(arch, "quality", "standard"), (arch, "naive", "none")]
    imagenet = table("tao2020/table6")
    assert set(by(imagenet, "dataset", "eps")) == {("imagenet", "16/255")}
    assert by(imagenet, "arch", "data")[0] == ("resnet50", "elsewhere")  # torchvision's weights
    naive = [arch for arch, data in by(imagenet, "arch", "data") if data == "naive"]
    assert naive == [*(f"vgg{at}" for at in (11, 13, 16, 19)), *(f"resnet{at}" for at in (18, 34, 50, 101, 152))]


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("table1", (5,)),
        ("table2", (6,)),
        ("table4", (7,)),
        ("figure3", (8, 10)),
        ("figure6", (8, 9, 10, 11)),
    ],
)
def test_short_tables_and_figures_are_made_of_full_results(name: str, tables: tuple[int, ...]) -> None:
    assert table(f"tao2020/{name}") == [row for number in tables for row in table(f"tao2020/table{number}")]


def test_figures_without_numbers_are_of_the_runs_that_their_captions_name() -> None:
    """And are no table: nothing could stand beside ours."""
    assert by(rows_of("ilyas2019/figure2"), "data", "defense") == [
        ("quality", "standard"),
        ("non_robust", "standard"),
        ("robust", "standard"),
        ("quality", "pgd_at"),
    ]
    five = {"vgg16", "inception_v3", "resnet18", "densenet121", "resnet50"}
    assert set(by(rows_of("ilyas2019/figure3"), "arch", "data")) == {
        (arch, data) for arch in five for data in ("det", "quality")
    }
    assert by(rows_of("lecture/figure12"), "dataset", "eps", "defense") == [
        ("mnist", "0.3", defense) for defense in ("fgsm_at", "ensemble_at")
    ]
    assert by(rows_of("lecture/figure13"), "dataset", "eps") == [("mnist", "0.3"), ("cifar10", "8/255")]
    for name in ("ilyas2019/figure2", "ilyas2019/figure3", "lecture/figure12", "lecture/figure13"):
        with pytest.raises(InputError, match=rf"^--paper: takes one of .*, got '{name}'$"):
            table(name)
