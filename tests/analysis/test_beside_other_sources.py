"""Runs beside tables whose numbers are lost in part or wholly, and held against the recipe of 2020."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from composed_runs import add

from analysis.paper.beside_paper import Comparison, Pair, beside_paper
from analysis.paper.paper_tables import FORMATS, markdown, notes, rows
from analysis.paper.published_recipes import Deviations
from analysis.reading.collect import collect
from analysis.report.contents import contents

RESTARTS_20 = (
    "evaluation.attack.steps=50",
    "evaluation.attack.relative_step=0.1",
    "evaluation.attack.restarts=20",
)
MNIST = ("dataset=mnist", "arch=lenet", "epsilon=0.2", *RESTARTS_20)
WIDE_RESNET = (
    *("dataset=cifar10", "arch=wide_resnet", "defense=standard", *RESTARTS_20),
    *("recipe.epochs=150", "recipe.milestones=[90,125]", "recipe.weight_decay=2e-4"),
)


def compared(outputs: Path, name: str) -> Comparison:
    return beside_paper(collect(outputs), name)


def only_done(comparison: Comparison) -> dict[tuple[str, str], Pair]:
    (row,) = [row for row in comparison.rows if row.done]
    return dict(row.pairs)


def test_a_number_that_is_lost_leaves_ours_alone(tmp_path: Path) -> None:
    for seed, hidden in ((0, 0.2), (1, 0.3)):
        add(tmp_path, *MNIST, "defense=thrm", "lambda=5", f"seed={seed}", R_nat=0.01, R_hyp_minus=hidden)
    comparison = compared(tmp_path, "tao2020/table8")
    assert len(comparison.rows) == 18
    pair = only_done(comparison)["pgd-50x20", "R_hyp_minus"]
    assert (pair.published, pair.mark) == (None, "")
    assert math.isnan(pair.difference)
    text = markdown(comparison)
    assert "| thrm | 5 | 2 | 1.00 ± 0.00; — | 25.00 ± 7.07; — |" in text
    assert "| trades | 5 | 0 | not run; — | not run; — |" in text
    assert "Each cell: ours; published. Percent, mean ± std over seeds." in notes(comparison)
    assert "—: a number that the text which the published ones were copied from does not have." in notes(
        comparison
    )
    assert not any("Welch" in note for note in notes(comparison))
    records = list(csv.DictReader(io.StringIO(str(FORMATS["csv"](comparison)))))
    assert {each["published_mean"] for each in records} == {""}
    assert FORMATS["latex"](comparison).startswith(r"\begin{tabular}")  # type: ignore[union-attr]


def test_table_13_asks_the_runs_of_table_8_for_another_risk(tmp_path: Path) -> None:
    add(tmp_path, *MNIST, "defense=trades", "lambda=40", R_nat=0.02, R_hyp_minus=0.3, R_adv_plus=0.1)
    (row,) = [row for row in compared(tmp_path, "tao2020/table13").rows if row.done]
    found = {metric: pair.ours and pair.ours.mean for (_, metric), pair in row.pairs.items()}
    assert found == pytest.approx({"R_nat": 2.0, "R_adv_plus": 10.0})


@pytest.mark.parametrize(("accuracies", "mark"), [((0.951, 0.953), ""), ((0.921, 0.923), "*")])
def test_three_trials_are_compared_as_three_runs(
    tmp_path: Path, accuracies: tuple[float, float], mark: str
) -> None:
    for seed, accuracy in enumerate(accuracies):
        add(tmp_path, *WIDE_RESNET, f"seed={seed}", D=accuracy, A=0.0, F=1.0)
    comparison = compared(tmp_path, "tao2020/table4")  # whose full results are those of Table 7
    pairs = only_done(comparison)
    assert {metric: pair.mark for (_, metric), pair in pairs.items()} == {"F": "", "D": mark, "A": ""}
    mean = 50 * sum(accuracies)
    texts = [text for row in rows(comparison) for text in row]
    assert f"{mean:.2f} ± 0.14; 95.1 ± 0.2; {mean - 95.1333:+.2f}{mark}" in texts
    assert any("Welch" in note for note in notes(comparison))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["recipe.epochs=110"], "recipe.epochs = 110 (published 150)"),
        (["recipe.milestones=[100,105]"], "recipe.milestones = [100, 105] (published [90, 125])"),
        (["recipe.weight_decay=5e-4"], "recipe.weight_decay = 0.0005 (published 0.0002)"),
        (["recipe.batch=64"], "recipe.batch = 64 (published 128)"),
        (["recipe.learning_rate=0.01"], "recipe.learning_rate = 0.01 (published 0.1)"),
        (["evaluation.test_limit=1000"], "evaluation.test_limit = 1000 (published none)"),
    ],
)
def test_in_what_a_run_differs_from_the_recipe_of_2020_is_said(
    tmp_path: Path, changes: list[str], said: str
) -> None:
    add(tmp_path, *WIDE_RESNET, *changes)
    (row,) = [row for row in compared(tmp_path, "tao2020/table7").rows if row.done]
    assert said in row.deviations.texts
    assert not row.deviations.of_code  # the 2020 paper came without any


@pytest.mark.parametrize(
    ("task", "steps", "relative_step"),
    [
        (MNIST, 10, "0.25"),
        (("dataset=cifar10", "arch=wide_resnet", "epsilon=1/255", *RESTARTS_20), 7, "0.3333333333333333"),
        (("dataset=cifar10", "arch=wide_resnet", "epsilon=2/255", *RESTARTS_20), 7, "0.3333333333333333"),
        (("dataset=cifar10", "arch=wide_resnet", "epsilon=8/255", *RESTARTS_20), 10, "0.25"),
    ],
)
def test_the_inner_attack_is_that_of_the_task(
    tmp_path: Path, task: tuple[str, ...], steps: int, relative_step: str
) -> None:
    inner = ["training_attack.steps=3", "training_attack.relative_step=0.4"]
    add(tmp_path, *task, "defense=pgd_at", *inner)
    (row,) = [row for row in compared(tmp_path, "tao2020/table12").rows if row.done]
    told = " ".join(row.deviations.texts)
    assert f"defense.attack.steps = 3 (published {steps})" in told
    assert f"defense.attack.relative_step = 0.4 (published {relative_step})" in told


def test_of_a_source_without_a_recipe_nothing_is_claimed(tmp_path: Path) -> None:
    task = ("dataset=mnist", "arch=lenet", "arch.width=4", "epsilon=0.3", "defense=pgd_at", "recipe.epochs=3")
    add(tmp_path, *task, "evaluation=fgsm", D=0.97, A=0.9)
    add(tmp_path, *task, D=0.97, A=0.85)
    comparison = compared(tmp_path, "lecture/figure10")
    (row,) = [row for row in comparison.rows if row.done]
    assert row.setting["arch"] == "lenet4"
    assert row.deviations == Deviations()
    found = {key: pair.ours and pair.ours.mean for key, pair in row.pairs.items()}
    assert found == pytest.approx({("clean", "D"): 97.0, ("fgsm", "A"): 90.0, ("pgd-20", "A"): 85.0})
    assert not any(note.startswith("Not the published recipe") for note in notes(comparison))


def test_a_report_has_only_tables_that_have_a_number(tmp_path: Path) -> None:
    add(tmp_path, *MNIST, "defense=thrm", "lambda=5")
    add(tmp_path, *WIDE_RESNET)
    assert [each.name for each in contents(collect(tmp_path)).comparisons] == ["tao2020/table7"]
