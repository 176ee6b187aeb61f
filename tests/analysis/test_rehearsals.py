"""The small sweeps in the rows of the tables that they stand for."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import pandas
import pytest
from composed_runs import add
from named_sweeps import PAPER, wanted
from typed_command import typed

from analysis.__main__ import main
from analysis.paper.beside_paper import beside_paper
from analysis.paper.paper_holes import with_holes
from analysis.paper.paper_tables import FORMATS, markdown, notes
from analysis.paper.published import table
from analysis.reading.collect import collect
from analysis.reading.columns import METRICS
from analysis.reading.setting_columns import setting_columns
from hypo.settings.errors import InputError

CERTIFIED = {metric for row in table("tao2022/table16") for attack, metric in row.figures if attack == "certified"}

SMALL = ("dataset=digits", "arch=resnet18", "arch.width=4", "recipe.epochs=1")


def frame(sweep: str) -> pandas.DataFrame:
    """The runs of a small sweep, as if they were done."""
    runs: list[dict[str, Any]] = [
        {
            **setting_columns(job.config),
            **dict.fromkeys((*METRICS, *CERTIFIED), 0.5),
            "run_id": job.run_id,
            "state": "done",
            "findings": {},
        }
        for job in wanted(sweep, "seed=0")
    ]
    return pandas.DataFrame(runs, dtype=object)


@pytest.mark.parametrize("name", sorted(PAPER - {"table4"}))
def test_every_cell_of_a_table_has_the_small_run_that_stands_for_it(name: str) -> None:
    sweep = f"smoke/tao2022/{name}"
    runs = frame(sweep)
    comparison = beside_paper(runs, sweep)
    assert [row.setting for row in comparison.rows] == [row.setting for row in table(f"tao2022/{name}")]
    for row in comparison.rows:
        assert all(pair.ours and pair.ours.n == 1 for pair in row.pairs.values()), row.setting
    # Figure 2 draws five models, its numbers are of two.
    assert comparison.unmatched == (3 if name == "figure2" else 0)
    assert len(with_holes(runs, sweep)) == len(runs)


def test_what_is_missing_is_filled_beside_the_runs_that_are_there(tmp_path: Path) -> None:
    add(tmp_path / "my runs", *SMALL, "defense=pgd_at")
    holes = with_holes(collect(tmp_path / "my runs"), "smoke/tao2022/table8")
    (command,) = set(holes.loc[holes["state"] == "missing", "command"])
    folder = tmp_path / "my runs"
    assert command == f"python -m hypo.run -m +sweeps=smoke/tao2022/table8 'output_dir={folder}'"


def test_scales_stand_for_the_data_sets_in_their_order(tmp_path: Path) -> None:
    for scale, accuracy in ((4, 0.4), (1, 0.1), (2, 0.2)):
        add(tmp_path, *SMALL, f"dataset.scale={scale}", "defense=pgd_at", D=accuracy)
    rows = beside_paper(collect(tmp_path), "smoke/tao2022/table8").rows
    found = {row.setting["dataset"]: row.pairs["pgd-20", "D"].ours for row in rows if row.done}
    assert {dataset: ours and ours.mean for dataset, ours in found.items()} == pytest.approx(
        {"cifar10": 10, "cifar100": 20, "tinyimagenet": 40}
    )


def test_a_rehearsal_says_what_it_is_and_compares_nothing(tmp_path: Path) -> None:
    for seed in (0, 1):
        add(tmp_path, *SMALL, "defense=trades", "lambda=6", f"seed={seed}", "evaluation.attack.steps=5", D=0.8)
    add(tmp_path, *SMALL, "defense=trades", "lambda=6", "evaluation=pgd100")
    comparison = beside_paper(collect(tmp_path), "smoke/tao2022/table8")
    text = markdown(comparison)
    assert "### smoke/tao2022/table8, a rehearsal: arch resnet18, norm linf, ε 8/255\n" in text
    assert "| 80.00 ± 0.00; 81.05 ± 0.14 |" in text
    assert "| not run; 84.08 ± 0.18 |" in text
    assert notes(comparison)[0] == (
        "A rehearsal on other data: digits and small networks stand for the table's, and their numbers are not "
        "comparable with the published ones."
    )
    assert not any("recipe" in note for note in notes(comparison))
    name = "smoke/tao2022/table8"
    assert f"1 run was evaluated with an attack that {name} does not have: evaluation = pgd100." in notes(
        comparison
    )
    records = list(csv.DictReader(io.StringIO(str(FORMATS["csv"](comparison)))))
    assert {(each["difference"], each["mark"]) for each in records} == {("", "")}
    assert FORMATS["latex"](comparison).startswith(r"\begin{tabular}")  # type: ignore[union-attr]


def test_small_runs_that_differ_are_refused_too(tmp_path: Path) -> None:
    add(tmp_path, *SMALL, "defense=pgd_at", "epsilon=0.1")
    add(tmp_path, *SMALL, "defense=pgd_at", "epsilon=0.2", "seed=1")
    with pytest.raises(
        InputError, match=r"would average runs that differ, epsilon = .*: add --only epsilon=0\.[12]$"
    ):
        beside_paper(collect(tmp_path), "smoke/tao2022/table8")


def test_real_runs_are_in_no_rehearsal_and_small_ones_in_no_table(tmp_path: Path) -> None:
    add(tmp_path, "dataset=cifar10", "defense=pgd_at")
    add(tmp_path, *SMALL, "defense=pgd_at")
    for name in ("smoke/tao2022/table8", "tao2022/table8"):
        comparison = beside_paper(collect(tmp_path), name)
        assert (len([row for row in comparison.rows if row.done]), comparison.unmatched) == (1, 1)


def test_from_a_small_sweep_to_the_published_layout(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = ["-m", "+sweeps=smoke/tao2022/figure4", "dataset.scale=1", "lambda=0,5", "seed=0,1"]
    assert typed(monkeypatch, capsys, *sweep).code == 0
    assert main(["tables", "--paper", "smoke/tao2022/figure4", "outputs", "--format", "json"]) == 1
    out, err = capsys.readouterr()
    records = [each for each in pandas.read_json(io.StringIO(out)).to_dict("records") if each["n"]]
    frame = collect(tmp_path / "outputs")
    assert {(each["dataset"], each["defense"], each["lambda"], each["n"]) for each in records} == {
        ("cifar10", defense, weight, 2) for defense in ("thrm", "trades") for weight in (0, 5)
    }
    for each in records:
        ours = frame[(frame["defense"] == each["defense"]) & (frame["lambda_value"] == each["lambda"])]
        assert math.isclose(each["mean"], 100 * ours[each["metric"]].astype(float).mean(), abs_tol=1e-5)
    assert err.count("to fill it: python -m hypo.run -m +sweeps=smoke/tao2022/figure4\n") == 3 * 18 - 4
    assert "  smoke/tao2022/figure4: cifar100 resnet18 linf 8/255 quality thrm 0: not run\n" in err
