"""Ours beside the paper's: the right runs, the right difference, and marks that the seeds justify."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from beside_tables import CIFAR10, TRADES, compared, trades
from composed_runs import add
from fake_runs import make_run

from analysis.__main__ import main
from analysis.paper import published_spreads
from analysis.paper.beside_paper import Pair
from analysis.paper.paper_tables import FORMATS, notes
from analysis.paper.published import Figure
from analysis.tables.cells import Estimate


def test_ours_theirs_and_the_difference(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((0.80, 0.81, 0.82)):
        add(tmp_path, *TRADES, f"seed={seed}", D=accuracy)
    (row,) = trades(compared(tmp_path))
    assert row["D"].published == Figure(81.05, 0.14)
    assert row["D"].ours == Estimate(pytest.approx(81.0), pytest.approx(1.0), 3)
    assert row["D"].difference == pytest.approx(-0.05)


def test_rows_and_columns_come_in_the_paper_s_order_and_what_was_not_run_is_a_hole(tmp_path: Path) -> None:
    add(tmp_path, *CIFAR10, "defense=thrm", "lambda=40")
    comparison = compared(tmp_path, "tao2022/table10")
    assert [row.setting["lambda"] for row in comparison.rows][:4] == ["0", "1", "5", "10"]
    assert [metric for _, metric in comparison.columns] == ["D", "A", "F", "R_nat", "R_adv_plus", "R_hyp_minus"]
    assert [row.setting["lambda"] for row in comparison.rows if row.done] == ["40"]


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


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("tao2022/table1", ["Published in Table 1: means over 5 runs, whose std stands in Table 5."]),
        ("tao2022/figure3", ["Published in Tables 8 and 9: means ± std over 5 runs."]),
        (
            "tao2022/figure4",
            ["Published in Tables 10, 11 and 12: single runs, as their digits show, so that no spread is known."],
        ),
        (
            "tao2022/table14",
            ["Published in Table 14: THRM a single run, the others means over 5 runs, without std."],
        ),
    ],
)
def test_what_the_published_figures_are_over_is_said(tmp_path: Path, name: str, lines: list[str]) -> None:
    add(tmp_path, *TRADES)
    told = [note for note in notes(compared(tmp_path, name)) if note.startswith("Published")]
    assert told == lines == published_spreads.spreads(name)


def test_a_single_published_run_has_no_spread_to_judge_by(tmp_path: Path) -> None:
    for seed in (0, 1):
        add(tmp_path, *CIFAR10, "defense=thrm", "lambda=40", f"seed={seed}", D=0.8)
    (row,) = [row for row in compared(tmp_path, "tao2022/table10").rows if row.done]
    assert {pair.mark for pair in row.pairs.values()} == {"?"}


def test_published_figures_keep_the_digits_that_they_have(tmp_path: Path) -> None:
    add(tmp_path, *CIFAR10, "defense=standard", D=0.9)
    assert "90.00; 94.4; -4.40?" in FORMATS["md"](compared(tmp_path, "tao2022/figure2"))


def test_runs_in_no_row_are_counted_and_said(tmp_path: Path) -> None:
    make_run(tmp_path)
    comparison = compared(tmp_path)
    assert comparison.unmatched == 1
    text = FORMATS["md"](comparison)
    assert "1 run is in no row of tao2022/table8." in text
    assert "No run here is one of tao2022/table8; +sweeps=tao2022/table8 runs them." in text


def test_every_format_has_every_cell(tmp_path: Path) -> None:
    add(tmp_path, *TRADES, D=0.8)
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
    add(tmp_path, *TRADES, D=0.8)
    assert main(["tables", str(tmp_path), "--paper", "tao2022/table8"]) == 1
    out, err = capsys.readouterr()
    assert "### tao2022/table8: arch resnet18, norm linf, ε 8/255" in out
    holes = [line for line in err.splitlines() if line.endswith(": not run")]
    assert len(holes) == 11  # of twelve rows
    assert "  tao2022/table8: cifar10 resnet18 linf 8/255 poisoning pgd_at: not run" in holes
    assert err.count(f"to fill it: python -m hypo.run -m +sweeps=tao2022/table8 output_dir={tmp_path}\n") == 11
    assert main(["tables", str(tmp_path), "--paper", "tao2022/table8", "-o", str(tmp_path / "t.tex")]) == 1
    assert (tmp_path / "t.tex").read_text().startswith(r"\begin{tabular}")
    assert main(["tables", str(tmp_path), "--paper", "nothing"]) == 2
    assert "--paper: takes one of" in capsys.readouterr().err
