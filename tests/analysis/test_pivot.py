"""Settings on either side of a table: means by hand, order, refusals."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas
import pytest
from fake_runs import MakeRun

from analysis.__main__ import main
from analysis.reading.collect import collect
from analysis.tables.pivot import FORMATS, latex, markdown, pivot
from hypo.settings.errors import InputError


@pytest.fixture
def frame(outputs: Path, make_run: MakeRun) -> pandas.DataFrame:
    """Two data sets, λ = 10 and 5 of THRM, two seeds; λ = 5 has one of them on MNIST; and a defense without λ."""
    for dataset, natural in [("digits", 0.1), ("mnist", 0.2)]:
        for lambda_ in ("10", 5):
            for seed in range(2):
                state = "failed" if (dataset, lambda_, seed) == ("mnist", 5, 1) else "done"
                values = {"R_nat": natural + seed / 100, "R_hyp_minus": int(lambda_) / 20}
                make_run(outputs, "thrm", lambda_, seed, state, config={"dataset": {"name": dataset}}, **values)
    make_run(outputs, "standard", None, config={"defense": {"lambda_": None}}, R_nat=0.05)
    return collect(outputs)


def test_rows_columns_and_means(frame: pandas.DataFrame) -> None:
    table = pivot(frame, ["defense", "lambda"], ["dataset"], ["R_nat"])
    assert [key for key in table.row_keys if key[0] == "thrm"] == [("thrm", "5"), ("thrm", "10")]
    assert set(table.column_keys) == {("digits",), ("mnist",)}
    digits, mnist = (table.estimates[("thrm", "5"), (name,), "R_nat"] for name in ("digits", "mnist"))
    assert (digits.mean, digits.std, digits.n) == (pytest.approx(10.5), pytest.approx(0.5**0.5), 2)
    assert (mnist.mean, mnist.n) == (pytest.approx(20), 1)
    assert (("standard", ""), ("mnist",), "R_nat") not in table.estimates


def test_a_single_setting_is_a_side_too(frame: pandas.DataFrame, outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, "standard", None, config={"defense": {"lambda_": None}, "arch": {"width": 9}}, R_nat=0.3)
    table = pivot(collect(outputs), ["arch.width"], ["defense", "dataset", "lambda"], ["R_nat"])
    assert set(table.row_keys) == {("128",), ("9",)}
    assert table.estimates[("9",), ("standard", "digits", ""), "R_nat"].mean == pytest.approx(30)


def test_two_spellings_of_a_number_are_one_value(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, lambda_="0.5", seed=0, R_nat=0.1)
    make_run(outputs, lambda_="1/2", seed=1, R_nat=0.2)
    table = pivot(collect(outputs), ["lambda"], [], ["R_nat"])
    assert len(table.row_keys) == 1
    assert table.estimates[table.row_keys[0], (), "R_nat"].n == 2


def test_what_differs_in_more_than_the_seed_is_not_averaged(frame: pandas.DataFrame) -> None:
    with pytest.raises(
        InputError, match=r"^digits would average runs that differ in defense, lambda: add that to"
    ):
        pivot(frame[frame["dataset"] == "digits"], ["dataset"], [], ["D"])


def test_a_seed_that_is_there_twice_is_not_averaged(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs)
    make_run(outputs, config={"dataset": {"root": "elsewhere"}})
    with pytest.raises(InputError, match=r"^thrm would average more than one run of a seed: \w{12}, \w{12}$"):
        pivot(collect(outputs), ["defense"], [], ["D"])


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ((["foo"], [], ["D"]), r"^--rows: takes dataset, .*got 'foo'"),
        (([], ["seed"], ["D"]), r"^--columns: takes .*got 'seed'"),
        ((["defense"], [], ["risk"]), r"^--metrics: takes D, A, .*got 'risk'"),
    ],
)
def test_what_is_no_setting_is_told_what_is(frame: pandas.DataFrame, sides: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pivot(frame, *sides)


def test_every_format_shows_the_same_cells(frame: pandas.DataFrame) -> None:
    table = pivot(frame, ["lambda"], ["defense", "dataset"], ["R_nat", "R_sta"])
    text = markdown(table)
    row = next(line for line in text.splitlines() if line.startswith("| 5 "))
    assert "10.50 ± 0.71 (2)" in row
    assert "| 20.00 |" in row  # one seed: neither std nor n
    assert "—" in row  # standard has no λ = 5
    assert r"10.50 $\pm$ 0.71 (2)" in latex(table)
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](table))))
    cell = next(row for row in rows if (row["lambda"], row["dataset"], row["metric"]) == ("5", "mnist", "R_nat"))
    assert (cell["mean"], cell["std"], cell["n"]) == ("20.0", "", "1")


def test_the_command_takes_sides(
    frame: pandas.DataFrame, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["tables", str(outputs), "--rows", "defense,lambda", "--columns", "dataset", "--metrics", "R_nat"]
    assert main(arguments) == 1  # a run is missing
    out = capsys.readouterr().out
    assert out.startswith("| defense | λ | ")
    assert "| thrm | 10 | " in out
    assert main(["tables", str(outputs), "--rows", "defense,"]) == 2
    assert "would average runs that differ in" in capsys.readouterr().err


def test_text_from_a_config_is_escaped(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, "<b>|&", 5)
    table = pivot(collect(outputs), ["defense"], [], ["D"])
    assert r"&lt;b&gt;\|&amp;" in markdown(table)
    assert r"\textless{}b\textgreater{}\textbar{}\&" in latex(table)
