"""The table of searches: what each added to those before it, over the seeds of a cell, and what it cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
import pytest
from fake_runs import MakeRun
from markdown_rows import rows_of

from analysis.__main__ import main
from analysis.reading.collect import collect
from analysis.tables import searches
from analysis.tables.runs import whole

THEN = {"evaluation": {"then": {"fmn": {"_target_": "hypo.attacks.searches.Fmn", "steps": 9}}}}


def with_searches(run: Path, *several: tuple[int, int, int, int | None]) -> Path:
    """With adv, hyp, sta and passes of each."""
    path = run / "result.json"
    keys = ("adv", "hyp", "sta", "passes")
    found = {
        name: {key: value for key, value in zip(keys, each, strict=True) if value is not None}
        for name, each in zip(("attack", "fmn"), several, strict=False)
    }
    path.write_text(json.dumps({**json.loads(path.read_text()), "searches": found}))
    return run


@pytest.fixture
def two_seeds(outputs: Path, make_run: MakeRun) -> Path:
    """Of 100 examples, 80 are correct; A goes from .5 to .4 and R_hyp⁻ from .4 to .5, with seed 1 twice as far."""
    for seed, adv, hyp in ((0, (30, 10), (8, 2)), (1, (20, 20), (6, 4))):
        values = {"D": 0.8, "R_nat": 0.2, "A": 0.4, "F": 0.9, "R_adv_plus": 0.5, "R_hyp_minus": 0.5}
        run = make_run(outputs, seed=seed, config=THEN, **values)
        with_searches(run, (adv[0], hyp[0], 9, 1000), (adv[1], hyp[1], 0, 2500))
    return outputs


def test_each_search_has_a_row_with_what_it_and_those_before_it_found(two_seeds: Path) -> None:
    (found,) = searches.searched(collect(two_seeds))
    first, second = found.steps
    assert (first.search, second.search) == ("attack", "fmn")
    assert first.decided == {"adv": 50, "hyp": 14, "sta": 18}
    assert [first.shares[name].mean for name in ("A", "F")] == pytest.approx([55, 87])
    assert [first.shares[name].mean for name in ("R_adv_plus", "R_hyp_minus")] == pytest.approx([31.25, 35])
    assert [second.shares[name].mean for name in ("A", "F")] == pytest.approx([40, 90])
    assert second.differences["A"].mean == pytest.approx(-15)
    assert second.differences["A"].std == pytest.approx(50**0.5)
    assert second.differences["R_hyp_minus"].mean == pytest.approx(15)
    assert (first.passes, second.passes) == (2000, 5000)
    assert (first.relative_passes, second.relative_passes) == (1, 3.5)
    text = searches.markdown([found])
    assert "thrm, λ = 5, 2 seeds" in text
    assert rows_of(text)[1:] == [
        [
            "attack",
            "50",
            "14",
            "18",
            "55.00 ± 7.07",
            "87.00 ± 1.41",
            "31.25 ± 8.84",
            "35.00 ± 7.07",
            "2,000",
            "1.00",
        ],
        [
            *("fmn", "30", "6", "0", "40.00 ± 0.00 (-15.00)", "90.00 ± 0.00 (+3.00)"),
            *("50.00 ± 0.00 (+18.75)", "50.00 ± 0.00 (+15.00)", "5,000", "3.50"),
        ],
    ]


def test_records_are_one_a_search(two_seeds: Path, tmp_path: Path) -> None:
    for form in ("json", "csv", "parquet"):
        assert main(["searches", str(two_seeds), "-o", str(tmp_path / f"found.{form}")]) == 0
    read: dict[str, Any] = {
        "json": pandas.DataFrame(json.loads((tmp_path / "found.json").read_text())),
        "csv": pandas.read_csv(tmp_path / "found.csv"),
        "parquet": pandas.read_parquet(tmp_path / "found.parquet"),
    }
    for frame in read.values():
        assert list(frame["search"]) == ["attack", "fmn"]
        assert list(frame["place"]) == [1, 2]
        assert list(frame["seeds"]) == [2, 2]
        assert list(frame["A"]) == [55, 40]
        assert list(frame["A_difference"]) == [0, -15]
        assert list(frame["passes"]) == [2000, 5000]
        assert list(frame["relative_passes"]) == [1, 3.5]


def test_cells_are_apart_and_a_run_of_before_passes_were_counted_has_none(
    two_seeds: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    with_searches(make_run(two_seeds, seed=2, config=THEN), (30, 8, 9, None), (10, 2, 0, None))
    make_run(two_seeds, "trades")
    make_run(two_seeds, "trades", seed=1, state="failed")
    assert main(["searches", str(two_seeds)]) == 1
    text = capsys.readouterr().out
    assert text.count("### ") == 2
    assert "trades, λ = 5, 1 of 2 seeds" in text
    rows = [row for row in rows_of(text) if row[0] in ("attack", "fmn")]
    assert [row[0] for row in rows] == ["attack", "fmn", "attack"]
    assert all(row[-2:] == ["—", "—"] for row in rows)


def test_runs_without_a_result_have_no_table(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture
) -> None:
    make_run(outputs, state="running")
    assert main(["searches", str(outputs)]) == 1
    assert capsys.readouterr().out == "No run here has a result.\n"


def test_passes_are_columns_of_runs_and_empty_where_they_were_not_counted(
    two_seeds: Path, make_run: MakeRun
) -> None:
    make_run(two_seeds, "trades")
    frame = whole(collect(two_seeds)).set_index(["defense", "seed"])["searches.attack.passes"]
    assert frame["thrm", 0] == 1000
    assert frame.isna()["trades", 0]


def test_a_warning_of_a_finding_stands_under_the_table(two_seeds: Path) -> None:
    run = next(two_seeds.glob("runs/*-s0-*"))
    path = run / "result.json"
    result = json.loads(path.read_text())
    finding = {"settings": {}, "title": "Masking", "warning": "something is wrong", "shares": {}, "curves": []}
    result["findings"] = {"masking": {**finding, "columns": {}, "pictures": {}}}
    path.write_text(json.dumps(result))
    (found,) = searches.searched(collect(two_seeds))
    assert "something is wrong" in searches.markdown([found])
    assert "λ = 5, 2 † seeds" in searches.markdown([found])
