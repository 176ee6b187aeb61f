"""A run whose finding has a warning is marked wherever its numbers stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_findings import add_finding
from fake_runs import make_run
from tracked_runs import command

from analysis.__main__ import main as analysis
from analysis.paper import paper_tables
from analysis.paper.beside_paper import ComparedRow, Comparison
from analysis.paper.published import table
from analysis.paper.published_recipes import Deviations
from analysis.reading.collect import collect
from analysis.report.write import write_report

WARNING = "1 of 7 signs of gradient masking: no gradient (at 200 of 200)"


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """THRM and TRADES at two λ and two seeds; one run, THRM at λ = 5 and seed 1, has a warning."""
    for defense in ("thrm", "trades"):
        for lambda_ in (1, 5):
            for seed in (0, 1):
                run = make_run(tmp_path, defense, lambda_, seed, R_nat=lambda_ / 100, R_hyp_minus=1 - lambda_ / 10)
                masked = (defense, lambda_, seed) == ("thrm", 5, 1)
                add_finding(run, "masking", warning=WARNING if masked else "")
    return tmp_path


def printed(outputs: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert analysis([*arguments, str(outputs)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "row", "others"),
    [
        (["tables"], "| thrm | 5 | 2 † |", 1),
        (
            ["tables", "--rows", "defense,lambda", "--columns", "dataset", "--metrics", "A"],
            "50.00 ± 0.00 (2) † |",
            1,
        ),
        (["runs", "--format", "md"], "| done † |", 1),
        (["compare", "thrm", "trades"], " 2 † |", None),
        (["pareto"], "thrm λ = 5 †", 1),
    ],
)
def test_in_every_table_the_cell_is_marked_and_the_reason_stands_below(
    outputs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], row: str, others: int | None
) -> None:
    text = printed(outputs, capsys, *arguments)
    lines = text.splitlines()
    marked = [line for line in lines if row in line]
    assert marked
    assert others is None or len(marked) == others
    assert sum(WARNING in line and "†" in line for line in lines) == 1
    assert not any("†" in line and ("trades | 5" in line or "thrm | 1 |" in line) for line in lines)


@pytest.mark.parametrize(
    "arguments",
    [
        ["tables"],
        ["tables", "--rows", "defense,lambda", "--columns", "dataset", "--metrics", "A"],
        ["runs"],
        ["compare", "thrm", "trades"],
    ],
    ids=" ".join,
)
def test_latex_has_the_mark_at_the_cell_and_at_the_reason(
    outputs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    text = printed(outputs, capsys, *arguments, "--format", "latex")
    assert "†" not in text
    assert "?" not in text
    rows, reasons = text.split(r"\end{tabular}", 1)
    assert r" $\dagger$" in rows
    assert reasons.count(r"$\dagger$") == reasons.count(WARNING) == 1


def test_where_nothing_is_wrong_there_is_no_mark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for lambda_ in (1, 5):
        add_finding(make_run(tmp_path, "thrm", lambda_), "masking")
    assert "†" not in printed(tmp_path, capsys, "tables")
    assert "†" not in printed(tmp_path, capsys, "runs")


def test_beside_the_paper_too() -> None:
    published, *_ = table("tao2022/table10")
    rows = [ComparedRow(published.setting, {}, Deviations(), warnings) for warnings in ((), (WARNING,))]
    comparison = Comparison("tao2022/table10", tuple(rows), 0, {})
    assert [row[-1] for row in paper_tables.rows(comparison)] == ["0", "0 †"]
    assert f"† {WARNING}" in paper_tables.notes(comparison)


def test_files_for_other_tools_have_it_as_a_column(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = printed(outputs, capsys, "runs", "--format", "csv").splitlines()
    assert header.endswith(",warning")
    assert sum(row.endswith(f",{WARNING}") for row in rows) == 1


def test_the_report_has_it_on_its_first_page_and_on_the_run_s(outputs: Path, tmp_path: Path) -> None:
    index = write_report(collect([outputs]), tmp_path / "report")
    assert "done †" in index.read_text()
    assert WARNING in index.read_text()
    assert sum(f"† {WARNING}" in page.read_text() for page in (tmp_path / "report" / "pages").glob("*.html")) == 1


@pytest.mark.parametrize(("defense", "times"), [("thrm", 1), ("trades", 0)])
def test_dashboards_have_a_column_for_it_and_say_it_below_the_runs(
    outputs: Path, tmp_path: Path, defense: str, times: int
) -> None:
    file = tmp_path / "board.json"
    options = ("--project", "me/hypo", "--dry-run", "--only", f"defense={defense}", "-o", file)
    code, _, _ = command("http://127.0.0.1:9", "wandb", *options, outputs, key="")
    assert code == 0
    found = json.loads(file.read_text())
    assert str(found["report"]).count(f"† {WARNING}") == times
    column = "summary:findings.masking.warning"
    assert [column in str(found[view]) for view in ("workspace", "report")] == [bool(times)] * 2
