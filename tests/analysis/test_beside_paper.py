"""Ours beside the paper's: the right runs, the right difference, and marks that the seeds justify."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from fake_runs import make_run

from analysis.__main__ import main
from analysis.beside_paper import Comparison, Pair, beside_paper
from analysis.cells import Estimate
from analysis.collect import collect
from analysis.paper_tables import FORMATS
from analysis.published import Figure

CIFAR10: dict[str, Any] = {
    "dataset": {"name": "cifar10"},
    "arch": {"name": "resnet18", "width": 64},
    "threat_model": {"name": "linf", "epsilon": 8 / 255},
    "recipe": {"name": "cifar10", "epochs": 110},
    "evaluation": {"name": "pgd20", "attack": {"steps": 20}},
}


def add(outputs: Path, changes: dict[str, Any] | None = None, **settings: Any) -> None:
    config = {group: {**values, **(changes or {}).get(group, {})} for group, values in CIFAR10.items()}
    make_run(outputs, config=config | {k: v for k, v in (changes or {}).items() if k not in config}, **settings)


def compared(outputs: Path, name: str = "tao2022/table8") -> Comparison:
    return beside_paper(collect(outputs), name)


def trades(comparison: Comparison) -> list[dict[str, Pair]]:
    """Table 8's row of TRADES on CIFAR-10, quality data, by metric, once for each variant."""
    wanted = {"dataset": "cifar10", "data": "quality", "defense": "trades"}
    return [
        {metric: pair for (_, metric), pair in row.pairs.items()}
        for row in comparison.rows
        if wanted.items() <= row.setting.items()
    ]


def test_ours_theirs_and_the_difference(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((0.80, 0.81, 0.82)):
        add(tmp_path, defense="trades", lambda_=6, seed=seed, epsilon="8/255", D=accuracy)
    (row,) = trades(compared(tmp_path))
    assert row["D"].published == Figure(81.05, 0.14)
    assert row["D"].ours == Estimate(pytest.approx(81.0), pytest.approx(1.0), 3)
    assert row["D"].difference == pytest.approx(-0.05)


def test_rows_and_columns_come_in_the_paper_s_order_and_what_was_not_run_is_a_hole(tmp_path: Path) -> None:
    add(tmp_path, defense="thrm", lambda_=40, epsilon="8/255")
    comparison = compared(tmp_path, "tao2022/table10")
    assert [row.setting["lambda"] for row in comparison.rows][:4] == ["0", "1", "5", "10"]
    assert [metric for _, metric in comparison.columns] == ["D", "A", "F", "R_nat", "R_adv_plus", "R_hyp_minus"]
    done = [row.setting["lambda"] for row in comparison.rows if any(pair.ours for pair in row.pairs.values())]
    assert done == ["40"]


@pytest.mark.parametrize(
    ("ours", "published", "mark"),
    [
        (Estimate(81.0, 0.2, 5), Figure(81.05, 0.14), ""),
        (Estimate(80.0, 0.2, 5), Figure(81.05, 0.14), "*"),
        (Estimate(80.0, 2.0, 5), Figure(81.05, 0.14), ""),  # the seeds explain as much
        (Estimate(100.0, 0.0, 5), Figure(100.0, 0.0), ""),
        (Estimate(99.9, 0.0, 5), Figure(100.0, 0.0), "*"),
        (Estimate(80.0, float("nan"), 1), Figure(81.05, 0.14), "?"),
        (Estimate(80.0, 0.2, 5), Figure(81.05, None), "?"),
        (None, Figure(81.05, 0.14), ""),
    ],
)
def test_a_mark_says_what_the_seeds_do_not_explain(ours: Estimate | None, published: Figure, mark: str) -> None:
    assert Pair(published, ours).mark == mark


def test_runs_of_other_settings_are_never_averaged(tmp_path: Path) -> None:
    for epochs, accuracy in ((110, 0.81), (5, 0.4)):
        add(tmp_path, {"recipe": {"epochs": epochs}}, defense="trades", lambda_=6, epsilon="8/255", D=accuracy)
    comparison = compared(tmp_path)
    found = {row["D"].ours.mean for row in trades(comparison) if row["D"].ours}
    assert sorted(found) == pytest.approx([40.0, 81.0])
    variants = {row.variant for row in comparison.rows if row.variant}
    assert variants == {"recipe.epochs = 110", "recipe.epochs = 5"}
    assert ("recipe.epochs = 5 of 110",) in [row.shortened for row in comparison.rows]


def test_the_attacks_of_one_row_come_from_runs_of_other_evaluations(tmp_path: Path) -> None:
    for name, steps, accuracy in (("fgsm", 1, 0.8), ("pgd20", 20, 0.9), ("cw100", 100, 0.95)):
        evaluation = {"evaluation": {"name": name, "attack": {"steps": steps}}}
        add(tmp_path, evaluation, defense="trades", lambda_=6, epsilon="8/255", D=0.7, F=accuracy)
    (row,) = [row for row in compared(tmp_path, "tao2022/table14").rows if row.setting["defense"] == "trades"]
    found = {attack: pair.ours.mean for (attack, _), pair in row.pairs.items() if pair.ours}
    assert found == pytest.approx({"clean": 70.0, "fgsm": 80.0, "pgd-20": 90.0, "cw-100": 95.0})


def test_runs_in_no_row_are_counted_and_said(tmp_path: Path) -> None:
    make_run(tmp_path)
    comparison = compared(tmp_path)
    assert comparison.unmatched == 1
    text = FORMATS["md"](comparison)
    assert "1 run is in no row of tao2022/table8." in text
    assert "No run here is one of tao2022/table8; +sweeps=tao2022/table8 runs them." in text


def test_every_format_has_every_cell(tmp_path: Path) -> None:
    add(tmp_path, defense="trades", lambda_=6, epsilon="8/255", D=0.8)
    comparison = compared(tmp_path)
    cells = sum(len(row.pairs) for row in comparison.rows)
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](comparison))))
    assert len(rows) == cells == 36
    (ours,) = [row for row in rows if row["n"] == "1" and row["metric"] == "D"]
    assert (ours["mean"], ours["std"], ours["published_mean"], ours["published_std"]) == (
        "80.0",
        "",
        "81.05",
        "0.14",
    )
    assert (float(ours["difference"]), ours["mark"]) == (-1.05, "?")
    assert FORMATS["md"](comparison).count("80.00; 81.05 ± 0.14; -1.05?") == 1
    assert FORMATS["latex"](comparison).count(r"80.00; 81.05 $\pm$ 0.14; -1.05?") == 1


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(tmp_path, defense="trades", lambda_=6, epsilon="8/255", D=0.8)
    assert main(["tables", str(tmp_path), "--paper", "tao2022/table8"]) == 1
    out, err = capsys.readouterr()
    assert "### tao2022/table8: arch resnet18, norm linf, ε 8/255" in out
    holes = [line for line in err.splitlines() if line.endswith(": not run")]
    assert len(holes) == 11  # of twelve rows
    assert "  tao2022/table8: cifar10 resnet18 linf 8/255 poisoning pgd_at: not run" in holes
    assert err.count("to fill it: python -m hypo.run -m +sweeps=tao2022/table8\n") == 11
    assert main(["tables", str(tmp_path), "--paper", "tao2022/table8", "-o", str(tmp_path / "t.tex")]) == 1
    assert (tmp_path / "t.tex").read_text().startswith(r"\begin{tabular}")
    assert main(["tables", str(tmp_path), "--paper", "nothing"]) == 2
    assert "--paper: takes one of" in capsys.readouterr().err
