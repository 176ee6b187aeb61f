"""Which runs stand beside a published row, and which differ from it or from each other."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from beside_tables import CIFAR10, TRADES, compared, trades
from composed_runs import add

from analysis.__main__ import main
from analysis.paper.paper_tables import notes
from analysis.tables.cells import Estimate
from hypo.settings.errors import InputError


def test_the_attacks_of_one_row_come_from_runs_of_other_evaluations(tmp_path: Path) -> None:
    for name, accuracy in (("fgsm", 0.8), ("pgd20", 0.9), ("cw100", 0.95)):
        add(tmp_path, *TRADES, f"evaluation={name}", D=0.7, F=accuracy)
    (row,) = [row for row in compared(tmp_path, "tao2022/table14").rows if row.setting["defense"] == "trades"]
    found = {attack: pair.ours.mean for (attack, _), pair in row.pairs.items() if pair.ours}
    assert found == pytest.approx({"clean": 70.0, "fgsm": 80.0, "pgd-20": 90.0, "cw-100": 95.0})


def test_an_attack_is_what_it_does_not_what_it_is_called(tmp_path: Path) -> None:
    add(tmp_path, *TRADES, F=0.95)
    add(tmp_path, *TRADES, "evaluation.attack.steps=1", F=0.05)
    add(tmp_path, *TRADES, "seed=1", "evaluation=pgd100", "evaluation.attack.steps=20", F=0.97)
    comparison = compared(tmp_path)
    (row,) = trades(comparison)
    assert row["F"].ours == Estimate(pytest.approx(96.0), pytest.approx(2**0.5), 2)
    assert comparison.unmatched == 0
    text = "1 run was evaluated with an attack that tao2022/table8 does not have: evaluation.attack.steps = 1."
    assert text in notes(comparison)


@pytest.mark.parametrize(
    ("typed", "belongs"),
    [
        (["evaluation.attack.start=authors_code", "evaluation.success=last_iterate"], True),
        (["evaluation.success=last_iterate"], False),
        (["evaluation.attack.start=authors_code"], False),
        (["evaluation.attack.start=gaussian"], False),
        (["evaluation.attack.restarts=2"], False),
        (["evaluation.attack.relative_step=0.1"], False),
        (["evaluation.objective=margin"], False),
        (["measurement=[targeted]"], True),
        (["evaluation=cw100"], False),
    ],
)
def test_only_the_published_conventions_of_an_attack_are_its_column_s(
    tmp_path: Path, typed: list[str], belongs: bool
) -> None:
    add(tmp_path, *TRADES, *typed)
    comparison = compared(tmp_path)
    assert trades(comparison)[0]["F"].ours == (
        Estimate(50.0, pytest.approx(math.nan, nan_ok=True), 1) if belongs else None
    )
    assert sum(comparison.other_attacks.values()) == (0 if belongs else 1)


def test_the_empirical_column_of_dist_nets_is_plain_pgd_and_the_bounds_are_of_any_attack(tmp_path: Path) -> None:
    typed = ["dataset=cifar10", "recipe=linf_dist_net", "defense=linf_dist"]
    add(tmp_path, *typed, "evaluation.surrogate=true", D=0.5, A_certified=0.3)
    comparison = compared(tmp_path, "tao2022/table16")
    found = {key for row in comparison.rows for key, pair in row.pairs.items() if pair.ours}
    assert found == {("certified", "A_certified")}
    assert comparison.other_attacks == {"evaluation.surrogate = true": 1}
    add(tmp_path, *typed, "evaluation.surrogate=false", D=0.6, A_certified=0.3)
    (row,) = [row for row in compared(tmp_path, "tao2022/table16").rows if row.done]
    assert row.pairs["pgd-20", "D"].ours == Estimate(pytest.approx(60), pytest.approx(math.nan, nan_ok=True), 1)
    assert row.deviations.texts == ()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("recipe.batch=64", "recipe.batch = 64 (published 128)"),
        ("recipe.precision=bfloat16", "recipe.precision = bfloat16 (published float32)"),
        ("recipe.learning_rate=1e-4", "recipe.learning_rate = 0.0001 (published 0.1)"),
        ("training_attack.steps=1", "defense.attack.steps = 1 (published 10)"),
        ("recipe.weight_decay=0", "recipe.weight_decay = 0 (published 0.0005)"),
        ("recipe.epochs=101", "recipe.epochs = 101 (published 110)"),
    ],
)
def test_in_what_a_run_differs_from_the_published_recipe_is_said(tmp_path: Path, typed: str, said: str) -> None:
    add(tmp_path, *TRADES, typed)
    add(tmp_path, *CIFAR10, "defense=pgd_at")
    expected = f"Not the published recipe: {said} in 1 of 2 rows."
    assert expected in notes(compared(tmp_path))


def test_nothing_is_said_of_the_paper_s_recipe_and_the_code_s_is_named(tmp_path: Path) -> None:
    add(tmp_path, *TRADES)
    assert not [note for note in notes(compared(tmp_path)) if "recipe" in note]
    code = tmp_path / "code"
    add(code, *TRADES, "authors_code=true")
    add(code, *CIFAR10, "defense=pgd_at", "authors_code=true", "recipe.batch=64")
    told = [note for note in notes(compared(code)) if "recipe" in note]
    assert told == [
        "The published recipe is that of the authors' code, to which the runs are nearer than to the paper's.",
        "Not the published recipe: recipe.batch = 64 (published 128) in 1 of 2 rows.",
    ]


MIXED = "tao2022/table8, cifar10 resnet18 linf 8/255 quality trades 6"


def test_runs_that_differ_are_refused_with_what_keeps_one_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (0, 1):
        add(tmp_path, *TRADES, f"seed={seed}", D=0.81)
    add(tmp_path, *TRADES, "recipe.epochs=101", "recipe.batch=64", D=0.4)
    assert main(["tables", str(tmp_path), "--paper", "tao2022/table8"]) == 2
    said = capsys.readouterr().err
    orders = {"110 or 101": "128 or 64", "101 or 110": "64 or 128"}  # by the run ids
    differing = [f"recipe.epochs = {epochs}; recipe.batch = {batches}" for epochs, batches in orders.items()]
    told = [f"would average runs that differ, {each}: add --only recipe.epochs=110" for each in differing]
    assert said in [f"python -m analysis: {MIXED}: {each}\n" for each in told]
    assert main(["tables", str(tmp_path), "--paper", "tao2022/table8", "--only", "recipe.epochs=110"]) == 1
    assert "81.00 ± 0.00; 81.05 ± 0.14; -0.05" in capsys.readouterr().out


def test_a_report_says_which_comparison_was_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for epochs in (101, 110):
        add(tmp_path, *TRADES, f"recipe.epochs={epochs}")
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert f"{MIXED}: would average runs that differ, recipe.epochs = " in page


def test_attacks_scored_by_two_conventions_are_two_kinds(tmp_path: Path) -> None:
    add(tmp_path, *TRADES)
    typed = ["evaluation.attack.start=authors_code", "evaluation.success=last_iterate"]
    add(tmp_path, *TRADES, *typed, "seed=1")
    with pytest.raises(
        InputError, match=f"^{MIXED}, pgd-20: would average runs that differ, evaluation.attack.start"
    ):
        compared(tmp_path)


def test_targeted_rates_beside_it_make_no_other_kind(tmp_path: Path) -> None:
    add(tmp_path, *TRADES, D=0.8)
    add(tmp_path, *TRADES, "measurement=[targeted]", "seed=1", D=0.8)
    assert trades(compared(tmp_path))[0]["D"].ours == Estimate(pytest.approx(80.0), pytest.approx(0.0), 2)


NEW = ["recipe.last_batch", "arch.initialisation", "evaluation.surrogate"]


def test_what_an_older_run_did_not_record_is_not_known_to_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = add(tmp_path, *TRADES, drop=NEW)
    add(tmp_path, *TRADES, "seed=1")
    comparison = compared(tmp_path)
    assert (trades(comparison)[0]["D"].ours or Estimate(0, 0, 0)).n == 2
    assert not [note for note in notes(comparison) if "recipe" in note]
    # Of one seed there are then two, as after a copy that was made with other code.
    new = add(tmp_path, *TRADES, "recipe.flip=false", drop=["recipe.flip"])
    first, second = (path.name.rpartition("-")[2] for path in sorted((old, new)))
    assert main(["tables", str(tmp_path), "--paper", "tao2022/table8", "--only", "seed=0"]) == 2
    told = f"{MIXED}, pgd-20: would average 2 runs of seed 0: {first}, {second}: add --only run_id={first}"
    assert told in capsys.readouterr().err
