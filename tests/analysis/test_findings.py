"""A measurement that nobody has heard of is seen in every part, by what it says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pandas
import pytest
import yaml
from fake_findings import WRINKLED, add_finding, add_wrinkles, ask_for, curve
from fake_runs import MakeRun

from analysis.__main__ import main
from analysis.reading import findings
from analysis.reading.collect import collect
from analysis.tables.cells import blocks
from analysis.tables.runs import whole
from analysis.tables.tables import markdown, tradeoff_table


def test_a_share_is_a_column_with_the_ends_of_its_interval(measured: Path) -> None:
    frame = collect(measured)
    assert sorted(frame["W_boundary"].dropna()) == [0.25, 0.5, 0.75]
    assert sorted(frame["W_boundary_lower"].dropna()) == pytest.approx([0.2, 0.45, 0.7])
    assert frame["W_never"].isna().all()
    assert frame["settings"].nunique() == 1
    assert sorted(frame["measurement"]) == ["", "wrinkles", "wrinkles", "wrinkles"]
    assert not [column for column in frame.columns if column.startswith("measurement.")]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_curves_and_searches_are_columns_of_every_format(measured: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"runs.{form}"
    assert main(["runs", str(measured), "-o", str(file)]) == 0
    if form == "csv":
        frame = pandas.read_csv(file)
        curves = frame["wrinkles.curves.cloth"].dropna().map(json.loads)
    elif form == "json":
        frame = pandas.DataFrame(json.loads(file.read_text())["runs"])
        curves = frame["wrinkles.curves.cloth"].dropna()
    else:
        frame = pandas.read_parquet(file)
        curves = frame["wrinkles.curves.cloth"].dropna()
    assert len(curves) == 3
    linen, _, silk = next(found for found in curves if found[0]["count"] == 30)
    assert (linen["at"], linen["of"], linen["value"]) == ("linen", 120, 0.25)
    assert (linen["lower"], linen["upper"]) == pytest.approx((0.2, 0.3))
    assert silk["value"] is None or numpy.isnan(silk["value"])
    assert list(frame["searches.attack.hyp"]) == [30] * 4
    assert "findings" not in frame


def test_in_parquet_a_variable_with_a_word_among_its_values_is_text(
    outputs: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    for seed, at in ((0, (1, 2.5)), (1, (1, "all"))):
        points = [curve("c", "about", "over", [(each, 1, 2) for each in at])]
        add_finding(make_run(outputs, seed=seed), "mixed", curves=points)
    assert main(["runs", str(outputs), "-o", str(tmp_path / "runs.parquet")]) == 0
    found = pandas.read_parquet(tmp_path / "runs.parquet")["mixed.curves.c"]
    assert sorted(tuple(point["at"] for point in points) for points in found) == [("1", "2.5"), ("1", "all")]


def test_the_table_has_a_column_for_each_share_and_tells_the_n_of_fewer_seeds(measured: Path) -> None:
    text = markdown(tradeoff_table(collect(measured)))
    assert "| R_hyp⁻ | W_b⁺ | W_never |" in text
    assert "| 37.50 ± 17.68 | — |" in text
    assert "| 75.00 (1) | — |" in text
    assert f"- W_b⁺: {WRINKLED} (Wrinkles of the decision boundary)" in text
    assert "- thrm, λ = 5, seed 0: W_never is undefined, it is a share of no example" in text
    assert "A number in brackets is n where not all seeds have the share." in text


def test_only_the_blocks_that_have_a_share_have_its_column(measured: Path, make_run: MakeRun) -> None:
    make_run(measured, epsilon=0.2)
    with_it, without = sorted(blocks(collect(measured)), key=lambda block: block.epsilon_value)
    assert list(with_it.besides) == ["W_boundary", "W_never"]
    assert list(without.besides) == []


def test_a_share_that_is_written_like_another_is_printed_by_its_name(outputs: Path, make_run: MakeRun) -> None:
    shares = {"A_other": ("another A", "A", 1, 2), "B_first": ("b", "B", 1, 2), "B_second": ("b", "B", 1, 2)}
    add_finding(make_run(outputs), "letters", shares=shares)
    found = findings.shares(collect(outputs)["findings"])
    assert [share.symbol for share in found.values()] == ["A_other", "B", "B_second"]


def test_other_settings_of_a_measurement_are_said_and_in_a_table_of_ones_own_refused(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (0, 1):
        add_wrinkles(make_run(outputs, seed=seed), depth=seed)
    ((cell,),) = (block.cells for block in blocks(collect(outputs)))
    assert "thrm, λ = 5: wrinkles was measured with different settings" in cell.notes
    typed = ["tables", str(outputs), "--rows", "lambda", "--metrics"]
    assert main([*typed, "W_boundary"]) == 2
    assert "--metrics: would average what wrinkles measured with different settings" in capsys.readouterr().err
    assert main([*typed, "D"]) == 0


def test_a_table_of_ones_own_takes_a_share(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["tables", str(measured), "--rows", "lambda", "--columns", "epsilon", "--metrics"]
    assert main([*typed, "W_boundary"]) == 0
    said = capsys.readouterr().out
    assert "ε = 0.1, W_b⁺" in said
    assert f"- W_b⁺: {WRINKLED}" in said
    assert main([*typed, "W_none"]) == 2
    assert "G_hyp, W_boundary, W_never, got 'W_none'" in capsys.readouterr().err


def test_either_axis_takes_a_share_and_is_called_as_it_says(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["curves", str(measured), "-x", "lambda", "-y", "W_boundary"]) == 0
    assert "W_boundary-against-lambda.svg" in capsys.readouterr().out
    assert WRINKLED[:20] in (measured / "W_boundary-against-lambda.svg").read_text()
    assert main(["curves", str(measured), "-x", "W_boundary"]) == 0


def test_a_finding_that_was_asked_for_and_is_not_there_is_listed(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    ask_for(make_run(outputs, seed=0), "wrinkles")
    ask_for(make_run(outputs, seed=1, status={"state": "failed", "reason": "too flat"}), "wrinkles")
    add_wrinkles(make_run(outputs, seed=2), steps=5)
    assert main(["tables", str(outputs)]) == 1
    said = capsys.readouterr()
    assert "2 of 3 runs lack a finding:" in said.err
    assert "it has no finding of wrinkles: failed: too flat" in said.err
    assert "| thrm | 5 | 3 |" in said.out


def test_a_finding_of_other_settings_than_were_asked_for_is_none(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    add_wrinkles(make_run(outputs, status={"state": "failed", "reason": "too flat"}), steps=4)  # 5 were asked for
    assert main(["tables", str(outputs)]) == 1
    said = capsys.readouterr()
    assert "it has no finding of wrinkles: failed: too flat" in said.err
    assert "| thrm | 5 | 1 |" in said.out


def test_settings_of_measurements_make_no_other_cell(outputs: Path, make_run: MakeRun) -> None:
    run = add_wrinkles(make_run(outputs, seed=0))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["measurement"]["wrinkles"]["steps"] = 7
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    make_run(outputs, seed=1)
    ((cell,),) = (block.cells for block in blocks(collect(outputs)))
    assert cell.seeds == "2"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"title": None, "shares": 5}, "findings: 'int' object has no attribute 'items'"),
        ({"shares": {"seed": {"about": "x"}}}, "findings: a share is called 'seed', which is a column of its own"),
        ({"shares": {"a.b": {"about": "x"}}}, "findings: a name is letters, digits and underscores, got 'a.b'"),
        ({"shares": {"gone": {"about": "x"}}}, "it has no 'gone'"),
        ({"curves": [{"name": "c", "points": [{"at": 1, "count": 1, "of": 2, "value": 5}]}]}, "5 is no fraction"),
    ],
)
def test_a_broken_finding_is_named(outputs: Path, make_run: MakeRun, change: dict, reason: str) -> None:
    run = make_run(outputs)
    result = json.loads((run / "result.json").read_text())
    result["findings"]["broken"] = {"settings": {}, "title": "x", **change}
    (run / "result.json").write_text(json.dumps(result))
    (row,) = collect(outputs).to_dict("records")
    assert row["state"] == "unreadable"
    assert reason in row["reason"]


def test_what_is_remembered_is_what_was_read(measured: Path) -> None:
    first, second = whole(collect(measured)), whole(collect(measured))
    assert (measured / ".analysis-rows.json").exists()
    pandas.testing.assert_frame_equal(first, second)
