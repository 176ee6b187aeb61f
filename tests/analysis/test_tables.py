"""Tables against numbers worked out by hand, with their holes and with text that wants to be markup."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from composed_runs import add
from fake_runs import MakeRun
from markdown_rows import rows_of

from analysis import escaping
from analysis.reading.collect import collect
from analysis.tables.tables import FORMATS, latex, markdown, tradeoff_table


def test_mean_and_sample_deviation_by_hand(outputs: Path, make_run: MakeRun) -> None:
    for seed, (natural, hidden) in enumerate([(0.04, 0.80), (0.05, 0.90), (0.06, 0.85)]):
        make_run(outputs, "thrm", 5, seed, D=1 - natural, R_nat=natural, R_hyp_minus=hidden)
    (block,) = tradeoff_table(collect(outputs)).blocks
    (cell,) = block.cells
    natural, hidden = cell.estimates["R_nat"], cell.estimates["R_hyp_minus"]
    assert (natural.mean, natural.std, natural.n) == (pytest.approx(5.0), pytest.approx(1.0), 3)
    assert (hidden.mean, hidden.std) == (pytest.approx(85.0), pytest.approx(5.0))
    text = markdown(tradeoff_table(collect(outputs)))
    assert rows_of(text) == [
        ["thrm", "5", "3", "95.00 ± 1.00", *["50.00 ± 0.00"] * 2, "5.00 ± 1.00", "50.00 ± 0.00", "85.00 ± 5.00"]
    ]
    assert text.startswith("### digits, mlp, ℓ∞ ε = 0.1, quality training data\n")
    assert text.endswith("\nPercent; mean ± std over n seeds, std left out at n = 1.\n")


def test_one_seed_has_no_deviation(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, D=0.9541)
    assert rows_of(markdown(tradeoff_table(collect(outputs))))[0][2:4] == ["1", "95.41"]


def test_order_of_defenses_and_lambdas_as_typed(outputs: Path, make_run: MakeRun) -> None:
    for lambda_ in (100, "1/2", 5, 0, 20):
        make_run(outputs, "trades", lambda_)
    make_run(outputs, "thrm", 0.5)
    make_run(outputs, "pgd_at", None)
    make_run(outputs, "standard", None)
    rows = [row[:2] for row in rows_of(markdown(tradeoff_table(collect(outputs))))]
    by_trades = [["trades", text] for text in ("0", "1/2", "5", "20", "100")]
    assert rows[:2] == [["standard", ""], ["pgd_at", ""]]
    assert rows[3:] == by_trades
    assert rows[2] == ["thrm", "0.5"]


def test_six_and_six_point_nought_are_one_cell(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, lambda_=6, seed=0, D=0.8)
    make_run(outputs, lambda_=6.0, seed=1, D=0.9)
    rows = rows_of(markdown(tradeoff_table(collect(outputs))))
    assert len(rows) == 1
    assert rows[0][2:4] == ["2", "85.00 ± 7.07"]


def test_a_cell_without_results_is_a_hole_with_its_reason(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, lambda_=5, seed=0, state="failed", status={"reason": "loss is not finite at epoch 3"})
    make_run(outputs, lambda_=5, seed=1, state="queued")
    make_run(outputs, lambda_=5, seed=2, state="queued")
    text = markdown(tradeoff_table(collect(outputs)))
    assert rows_of(text) == [["thrm", "5", "0 of 3", *["—"] * 6]]
    assert "- thrm, λ = 5, seed 0: failed: loss is not finite at epoch 3\n" in text
    assert "- thrm, λ = 5, seeds 1, 2: queued\n" in text


def test_a_cell_with_some_seeds_says_how_many(outputs: Path, make_run: MakeRun) -> None:
    for seed, value in enumerate((0.7, 0.8, 0.9)):
        make_run(outputs, seed=seed, A=value)
    make_run(outputs, seed=3, state="interrupted")
    make_run(outputs, seed=10, state="running")
    text = markdown(tradeoff_table(collect(outputs)))
    assert rows_of(text)[0][2:5] == ["3 of 5", "50.00 ± 0.00", "80.00 ± 10.00"]
    assert "- thrm, λ = 5, seed 3: interrupted at epoch 3 of 40\n" in text
    assert "- thrm, λ = 5, seed 10: running, epoch 3 of 40" in text


def test_an_undefined_risk_is_left_out_of_its_mean_and_noted(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, seed=0, R_hyp_minus=0.8)
    make_run(outputs, seed=1, R_hyp_minus=None)
    table = tradeoff_table(collect(outputs))
    estimate = table.blocks[0].cells[0].estimates["R_hyp_minus"]
    assert (estimate.mean, estimate.n) == (pytest.approx(80.0), 1)
    assert math.isnan(estimate.std)
    assert table.notes == ("thrm, λ = 5, seed 1: R_hyp⁻ is undefined, no test example is misclassified",)


def test_two_recipes_are_never_averaged(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, seed=0, D=0.9)
    make_run(outputs, seed=1, D=0.5, config={"recipe": {"epochs": 5}})
    text = markdown(tradeoff_table(collect(outputs)))
    assert sorted(row[3] for row in rows_of(text)) == ["50.00", "90.00"]
    assert "### digits, mlp, ℓ∞ ε = 0.1, quality training data, recipe.epochs = 40\n" in text
    assert "### digits, mlp, ℓ∞ ε = 0.1, quality training data, recipe.epochs = 5\n" in text


def test_two_settings_of_one_defense_are_never_averaged(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, seed=0, D=0.9, config={"defense": {"steps": 5}})
    make_run(outputs, seed=1, D=0.5, config={"defense": {"steps": 7}})
    rows = rows_of(markdown(tradeoff_table(collect(outputs))))
    assert sorted((row[0], row[3]) for row in rows) == [
        ("thrm (steps = 5)", "90.00"),
        ("thrm (steps = 7)", "50.00"),
    ]


def test_experiments_are_blocks_of_their_own(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs)
    make_run(outputs, config={"dataset": {"name": "mnist"}})
    make_run(outputs, epsilon="8/255", config={"threat_model": {"name": "l2"}})
    headings = {block.heading for block in tradeoff_table(collect(outputs)).blocks}
    assert headings == {
        "digits, mlp, ℓ∞ ε = 0.1, quality training data",
        "mnist, mlp, ℓ∞ ε = 0.1, quality training data",
        "digits, mlp, ℓ2 ε = 8/255, quality training data",
    }


def test_two_runs_of_one_seed_are_pointed_out(outputs: Path, make_run: MakeRun) -> None:
    first = make_run(outputs, seed=0, config={"dataset": {"root": "/one"}})
    second = make_run(outputs, seed=0, config={"dataset": {"root": "/two"}})
    (note,) = tradeoff_table(collect(outputs)).notes
    assert note.startswith("thrm, λ = 5, seed 0: more than one run of a seed is averaged: ")
    assert first.name[-12:] in note
    assert second.name[-12:] in note


def test_a_search_s_settings_set_apart_only_runs_that_have_it(outputs: Path, make_run: MakeRun) -> None:
    for then in ({}, {"random": {"steps": 1, "of": "x"}}, {"random": {"steps": 2, "of": "x"}}):
        make_run(outputs, config={"evaluation": {"then": then}})
    headings = [line for line in markdown(tradeoff_table(collect(outputs))).splitlines() if line.startswith("#")]
    assert sorted(heading.partition("training data, ")[2].replace("\\", "") for heading in headings) == [
        'evaluation.then = ["random"], evaluation.then.random.steps = 1',
        'evaluation.then = ["random"], evaluation.then.random.steps = 2',
        "evaluation.then = []",
    ]


def test_one_defense_at_several_weights_of_the_clean_images_is_never_averaged(outputs: Path) -> None:
    for alpha, clean in ((0, 0.7), (0.5, 0.8), (1, 0.9)):
        for seed in (0, 1):
            add(outputs, "defense=fgsm_at", f"defense.alpha={alpha}", f"seed={seed}", D=clean)
    rows = rows_of(markdown(tradeoff_table(collect(outputs))))
    assert sorted((row[0], row[2], row[3]) for row in rows) == [
        (f"fgsm_at (alpha = {alpha})", "2", f"{clean}.00 ± 0.00")
        for alpha, clean in ((0.0, 70), (0.5, 80), (1.0, 90))
    ]


def test_held_models_set_apart_by_who_they_are(outputs: Path, tmp_path: Path) -> None:
    """Not by where the run directory of one lies, nor by settings that the others cannot have."""
    there = add(outputs, "seed=9", "defense=standard")
    elsewhere = tmp_path / "elsewhere" / there.name
    shutil.copytree(there, elsewhere)
    two = ("defense=ensemble_at", "~defense.held.mlp", "~defense.held.small_cnn")
    add(outputs, *two)
    for held_in, seed in ((there, 0), (elsewhere, 1)):
        add(outputs, *two, f"+defense.held.there.run={held_in}", f"seed={seed}")
    (block,) = tradeoff_table(collect(outputs)).blocks
    assert {cell.defense: cell.runs for cell in block.cells} == {
        "standard": 1,
        'ensemble_at (held = ["same_arch"])': 1,
        'ensemble_at (held = ["same_arch", "there"])': 2,
    }


def test_what_further_searches_decided_is_counted_over_all_runs(outputs: Path, make_run: MakeRun) -> None:
    for seed in range(2):
        path = make_run(outputs, seed=seed) / "result.json"
        searches = {"attack": {"adv": 700, "hyp": 3}, "random": {"adv": seed, "hyp": 1}}
        path.write_text(json.dumps({**json.loads(path.read_text()), "searches": searches}))
    table = tradeoff_table(collect(outputs))
    said = "decided, search by search: attack (adv 1,400, hyp 6), random (adv 1, hyp 2)"
    assert table.searched == (said,)
    assert f"- {said}\n" in markdown(table)
    assert said in latex(table)
    make_run(outputs / "alone", seed=1)
    assert tradeoff_table(collect(outputs / "alone")).searched == ()


def test_runs_without_settings_are_listed_apart(outputs: Path, make_run: MakeRun) -> None:
    broken = make_run(outputs)
    (broken / "config.yaml").unlink()
    table = tradeoff_table(collect(outputs))
    assert table.blocks == ()
    assert table.unplaced == (f"{broken.name}: config.yaml is missing",)
    assert f"- {escaping.markdown(broken.name)}: config.yaml is missing" in markdown(table)


def test_an_undefined_metric_is_a_record_without_a_mean(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, lambda_="1/2", R_hyp_minus=None)
    records = json.loads(FORMATS["json"](tradeoff_table(collect(outputs))))
    undefined = next(record for record in records if record["metric"] == "R_hyp_minus")
    assert (undefined["lambda"], undefined["mean"], undefined["n"], undefined["runs"]) == ("1/2", None, 0, 1)
