"""A plain number of a finding is shown wherever its shares are, in its own unit and never as a percentage."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest
from fake_findings import add_finding
from fake_runs import MakeRun

from analysis.__main__ import main
from analysis.reading.collect import collect
from analysis.tables.cells import blocks
from analysis.tables.tables import markdown, records, tradeoff_table
from analysis.wandb.panels import of_findings

ABOUT = "median depth of the folds"


@pytest.fixture
def folded(outputs: Path, make_run: MakeRun) -> Path:
    """Two seeds with a depth, and one whose depth nobody knows."""
    for seed, depth in enumerate((0.015625, 0.03125, None)):
        numbers = {"fold_depth": (ABOUT, "d", depth, "pixels"), "folds": ("how many", None, 7.0, None)}
        shares = {"folded": ("that fold", None, 1, 4)}
        add_finding(make_run(outputs, seed=seed), "folds", "Folds", numbers=numbers, shares=shares)
    return outputs


def test_it_is_one_column_as_it_stands_in_the_result(folded: Path, tmp_path: Path) -> None:
    frame = collect(folded)
    assert sorted(frame["fold_depth"].dropna()) == [0.015625, 0.03125]
    assert "fold_depth_lower" not in frame
    assert main(["runs", str(folded), "-o", str(tmp_path / "runs.csv")]) == 0
    assert sorted(pandas.read_csv(tmp_path / "runs.csv")["fold_depth"].dropna()) == [0.015625, 0.03125]
    assert main(["runs", str(folded), "-o", str(tmp_path / "runs.md")]) == 0
    text = (tmp_path / "runs.md").read_text()
    assert "| folded | d | folds |" in text
    assert " | 0.01562 | 7 |" in text
    assert " | — | 7 |" in text
    assert f"- d: {ABOUT}, a number in pixels (Folds)" in text


def test_the_tables_average_it_in_its_unit(folded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ((cell,),) = (block.cells for block in blocks(collect(folded)))
    found = cell.estimates["fold_depth"]
    assert (found.mean, found.n, found.unit) == (pytest.approx(0.0234375), 2, "pixels")
    table = tradeoff_table(collect(folded))
    text = markdown(table)
    assert "| 25.00 ± 0.00 | 0.02344 ± 0.01105 (2) |" in text
    assert "- thrm, λ = 5, seed 2: d is unknown" in text
    units = {record["metric"]: record["unit"] for record in records(table)}
    assert (units["D"], units["folded"], units["fold_depth"]) == ("percent", "percent", "pixels")
    assert main(["tables", str(folded), "--rows", "lambda", "--metrics", "fold_depth,folded"]) == 0
    assert "0.02344 ± 0.01105 (2) | 25.00 ± 0.00 (3)" in capsys.readouterr().out
    assert main(["tables", str(folded), "--rows", "lambda", "--metrics", "fold_depth", "--format", "json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["mean"], record["unit"]) == (pytest.approx(0.0234375, abs=1e-7), "pixels")


def test_an_axis_has_its_unit(folded: Path) -> None:
    assert main(["curves", str(folded), "-x", "lambda", "-y", "fold_depth"]) == 0
    drawn = (folded / "fold_depth-against-lambda.svg").read_text()
    assert f"{ABOUT} (pixels)" in drawn
    assert "(%)" not in drawn


def test_the_pages_have_it(folded: Path, tmp_path: Path) -> None:
    assert main(["report", str(folded), "-o", str(tmp_path)]) == 0
    index = (tmp_path / "index.html").read_text()
    assert index.count(f'<option value="fold_depth" data-unit="pixels">d: {ABOUT}</option>') == 2
    assert index.count('<option value="folds" data-unit="">') == 2
    assert '<option value="folded">' in index
    pages = [path.read_text() for path in (tmp_path / "pages").glob("*.html")]
    assert sum(f"<tr><th>d<td>0.01562 pixels<td>{ABOUT}" in page for page in pages) == 1
    assert sum(f"<tr><th>d<td>unknown<td>{ABOUT}" in page for page in pages) == 1
    assert all("<tr><th>folds<td>7<td>how many" in page for page in pages)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of W&B's own code, when it is imported
def test_a_dashboard_has_a_panel_of_it(folded: Path) -> None:
    panels = of_findings(list(collect(folded)["findings"]))
    assert [panel.title for panel in panels] == [
        f"{about} against λ" for about in ("that fold", ABOUT, "how many")
    ]


@pytest.mark.parametrize("value", [True, "deep", [1]])
def test_what_is_no_number_is_said(outputs: Path, make_run: MakeRun, value: object) -> None:
    numbers = {"fold_depth": (ABOUT, "d", value, "pixels")}
    add_finding(make_run(outputs), "folds", numbers=numbers)  # type: ignore[arg-type]
    (row,) = collect(outputs).to_dict("records")
    assert row["state"] == "unreadable"
    assert f"fold_depth: {value!r} is no number" in row["reason"]
