"""Tables as text: CSV, Markdown, LaTeX and on a terminal, whatever stands in them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from fake_runs import MakeRun
from markdown_rows import rows_of
from rich.console import Console

from analysis import escaping
from analysis.reading.collect import collect
from analysis.tables.tables import FORMATS, latex, markdown, print_table, tradeoff_table

HOSTILE = "<script>|_&%"


def test_csv_holds_numbers_a_row_a_metric(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, lambda_="1/2", seed=0, D=0.8)
    make_run(outputs, lambda_="1/2", seed=1, D=0.9)
    make_run(outputs, lambda_=20, seed=0, state="queued")
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](tradeoff_table(collect(outputs))))))
    assert len(rows) == 12
    first = next(row for row in rows if row["lambda"] == "1/2" and row["metric"] == "D")
    assert float(first["mean"]) == pytest.approx(85)
    assert float(first["std"]) == pytest.approx(7.071068)
    assert (first["n"], first["runs"], first["unit"], first["dataset"]) == ("2", "2", "percent", "digits")
    hole = next(row for row in rows if row["lambda"] == "20" and row["metric"] == "F")
    assert (hole["mean"], hole["std"], hole["n"], hole["runs"]) == ("", "", "0", "1")
    assert hole["notes"] == "thrm, λ = 20, seed 0: queued"


def test_hostile_text_stays_text(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, HOSTILE, 5, config={"arch": {"name": HOSTILE}})
    make_run(outputs, HOSTILE, 5, seed=1, state="failed", status={"reason": HOSTILE})
    table = tradeoff_table(collect(outputs))
    assert "<script>" not in markdown(table)
    assert r"&lt;script&gt;\|\_&amp;%" in markdown(table)
    rows = rows_of(markdown(table))
    assert [len(row) for row in rows] == [9, 9]
    assert "<script>" not in latex(table)
    assert r"\textless{}script\textgreater{}\textbar{}\_\&\%" in latex(table)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pgd_at", "pgd_at"),
        ("__init__", r"\_\_init\_\_"),
        ("[a](b) `c` *d*", r"\[a\](b) \`c\` \*d\*"),
        ("a & b < c", "a &amp; b &lt; c"),
    ],
)
def test_markdown_escapes(text: str, expected: str) -> None:
    assert escaping.markdown(text) == expected


def test_latex_escapes() -> None:
    assert escaping.latex("{\\$#^~}") == (r"\{\textbackslash{}\$\#\textasciicircum{}\textasciitilde{}\}")
    assert escaping.latex("λ ℓ∞ 数") == r"$\lambda$ $\ell$$\infty$ ?"


def _full(outputs: Path, make_run: MakeRun) -> None:
    for seed in range(2):
        for defense, lambda_ in [("standard", None), ("thrm", 0), ("thrm", 5), ("trades", 5), (HOSTILE, 1)]:
            make_run(outputs, defense, lambda_, seed, D=0.95, R_hyp_minus=0.9 + 0.1 * seed)
    make_run(outputs, "trades", 100, state="failed", status={"reason": "loss is not finite at λ = 100, 数"})
    make_run(outputs, "trades", 5, seed=2, state="queued")


def test_latex_is_one_tabular_with_equal_rows(outputs: Path, make_run: MakeRun) -> None:
    _full(outputs, make_run)
    text = latex(tradeoff_table(collect(outputs)))
    assert text.isascii()
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    rules = [text.index(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")]
    assert rules == sorted(rules)
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert len(rows) == 1 + 6
    assert {row.replace(r"\&", "").count("&") for row in rows} == {8}
    assert r"trades & 100 & 0 of 1 & --- & --- & --- & --- & --- & --- \\" in text
    assert r"trades, $\lambda$ = 5, seed 2: queued\par" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_print_table_fits_80_columns(outputs: Path, make_run: MakeRun, terminal: bool) -> None:
    _full(outputs, make_run)
    make_run(outputs, "[red]pgd[/red]", None)
    out = io.StringIO()
    print_table(collect(outputs), Console(file=out, width=80, force_terminal=terminal, no_color=True))
    text = out.getvalue()
    if not terminal:
        lines = text.splitlines()
        assert max(map(len, lines)) <= 80
        assert "\x1b" not in text
        row = next(line for line in lines if line.startswith("thrm"))
        assert row.split() == ["thrm", "0", "2", "95.0±0.0", *["50.0±0.0"] * 4, "95.0±7.1"]
    assert "0 of 1" in text
    assert "[red]pgd[/red]" in text
    assert HOSTILE in text
    assert "- trades, λ = 5, seed 2: queued" in text
    assert "Percent; mean ± std over n seeds" in text
