"""The tidy table says the same in every format, and its units."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas
import pyarrow.parquet
import pytest
from fake_runs import MakeRun

from analysis.__main__ import main
from analysis.reading.collect import collect
from analysis.reading.columns import USAGE
from analysis.tables.runs import FORMATS, UNITS, whole

WHOLE = ("csv", "json", "parquet")
"""Formats with every column."""

SHOWN = [
    "run_id",
    "name",
    "state",
    "defense",
    "lambda",
    "seed",
    "D",
    "D_lower",
    "R_hyp_minus",
    "recipe.milestones",
]


@pytest.fixture
def frame(outputs: Path, make_run: MakeRun) -> pandas.DataFrame:
    """A run that is done, one without mistakes, one that failed, and two types under one setting."""
    make_run(outputs, seed=0, D=1 / 3)
    make_run(outputs, seed=1, R_hyp_minus=None)
    make_run(outputs, "<script>", seed=2, state="failed", status={"reason": 'a "quoted", reason'})
    make_run(outputs, seed=3, config={"recipe": {"milestones": "none", "epochs": "many"}})
    return collect(outputs)


def read(form: str, content: bytes) -> pandas.DataFrame:
    if form == "csv":
        return pandas.read_csv(io.BytesIO(content), dtype={"lambda": str}, keep_default_na=False, na_values=[""])
    if form == "json":
        return pandas.DataFrame(json.loads(content)["runs"])
    return pandas.read_parquet(io.BytesIO(content))


@pytest.mark.parametrize("form", WHOLE)
def test_every_format_holds_what_was_collected(frame: pandas.DataFrame, form: str) -> None:
    found = read(form, FORMATS[form](frame))
    assert list(found.columns) == list(whole(frame).columns)
    assert len(found) == 4
    for column in SHOWN:
        for value, expected in zip(found[column], frame[column], strict=True):
            if pandas.isna(expected) or expected == "":
                assert pandas.isna(value) or value == ""
            else:
                assert value == expected


def test_units_are_stated(frame: pandas.DataFrame) -> None:
    assert json.loads(FORMATS["json"](frame))["units"] == UNITS
    metadata = pyarrow.parquet.read_schema(io.BytesIO(FORMATS["parquet"](frame))).metadata
    assert metadata[b"units"].decode() == UNITS


def test_the_command_takes_the_format_off_the_suffix(
    outputs: Path, frame: pandas.DataFrame, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for form in WHOLE:
        content = FORMATS[form](frame)
        path = tmp_path / f"runs.{form}"
        assert main(["runs", str(outputs), "-o", str(path)]) == 1  # one run has no result
        assert path.read_bytes() == content
        capfdbinary.readouterr()
        assert main(["runs", str(outputs), "--format", form]) == 1
        assert capfdbinary.readouterr().out == content
    assert main(["runs", str(outputs), "-o", str(tmp_path / "runs.txt")]) == 2
    assert b"takes a file ending in .csv, .json, .parquet, .md or .tex" in capfdbinary.readouterr().err


def test_on_a_page_a_run_has_its_state_and_percentages_with_intervals(frame: pandas.DataFrame) -> None:
    rows = [line.split(" | ") for line in str(FORMATS["md"](frame)).splitlines() if line.startswith("| digits")]
    assert [row[1] for row in rows] == list(frame["state"])
    first = next(row for row in rows if "s0" in row[0])
    run_id = frame.loc[frame["seed"] == 0, "run_id"].item()
    assert (first[0], first[2]) == (f"| digits_mlp_thrm_lambda5-s0-{run_id}", r"33.33 \[32.33, 34.33\]")
    undefined = next(row for row in rows if "s1" in row[0])
    assert undefined[-1] == "— |"


GIB = 2**30

ON_A_GPU = {"seconds": 10, "peak_memory": 3 * GIB, "peak_gpu_memory": 27 * GIB, "gpu_utilisation": 0.9}


def test_what_a_run_used_is_that_of_all_its_attempts(outputs: Path, make_run: MakeRun) -> None:
    later = ON_A_GPU | {"seconds": 30, "peak_memory": 2 * GIB, "peak_gpu_memory": 28 * GIB, "gpu_utilisation": 0.5}
    make_run(outputs, seed=0, status={"attempts": [{"usage": ON_A_GPU}, {"pid": 7}, {"usage": later}]})
    make_run(outputs, seed=1, status={"attempts": [{"usage": {"seconds": 3, "peak_memory": GIB}}]})
    make_run(outputs, seed=2, status={"attempts": [{"usage": {"peak_memory": "much"}}, None, {"usage": 3}]})
    frame = collect(outputs)
    found = {seed: row for seed, row in zip(frame["seed"], frame[list(USAGE)].values.tolist(), strict=True)}
    assert found[0] == [3 * GIB, 28 * GIB, pytest.approx(0.6)]
    assert found[1][0] == GIB
    assert all(value != value for value in (*found[1][1:], *found[2]))
    for form in WHOLE:
        content = read(form, FORMATS[form](frame)).set_index("seed")
        assert content.loc[0, "peak_gpu_memory"] == 28 * GIB
        assert pandas.isna(content.loc[1, "peak_gpu_memory"])


def test_on_a_page_what_is_not_known_of_the_machine_is_a_dash(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, seed=0, status={"attempts": [{"usage": ON_A_GPU}]})
    make_run(outputs, seed=1, status={"attempts": [{"usage": {"seconds": 3, "peak_memory": GIB / 4}}]})
    make_run(outputs, seed=2)
    lines = str(FORMATS["md"](collect(outputs))).splitlines()
    assert lines[0].endswith("| peak memory | peak GPU memory | GPU utilisation |")
    ends = {line.partition("-s")[2][0]: line.split(" | ")[-3:] for line in lines if line.startswith("| digits")}
    assert ends == {
        "0": ["3.00 GiB", "27.00 GiB", "90 % |"],
        "1": ["0.25 GiB", "—", "— |"],
        "2": ["—", "—", "— |"],
    }
    assert r"90 \%" in str(FORMATS["latex"](collect(outputs)))
