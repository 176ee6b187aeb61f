"""Every part that writes text writes it in five formats: text that compiles and stays text, and equal records."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import subprocess
from pathlib import Path

import pandas
import pytest
from fake_runs import make_run

from analysis.__main__ import main

HOSTILE = r"<b>|_&%${\x}"
PARTS = {
    "tables": ["tables"],
    "settings": ["tables", "--rows", "recipe.milestones,recipe.setting_0,defense,lambda", "--columns", "dataset"],
    "paper": ["tables", "--paper", "tao2022/table10"],
    "compare": ["compare", "thrm", HOSTILE],
    "pareto": ["pareto"],
    "searches": ["searches"],
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods at two λ with two seeds, one named like markup, one without mistakes, and a failed run."""
    outputs = tmp_path_factory.mktemp("formats") / "outputs"
    for defense, shift in (("thrm", 0.0), (HOSTILE, 0.02)):
        for lambda_, natural in ((1, 0.04), ("1/2", 0.03)):
            for seed in range(2):
                values = {"R_nat": natural + shift + seed / 700, "R_hyp_minus": 0.9 - 3 * natural + seed / 70}
                make_run(outputs, defense, lambda_, seed, D=1 - values["R_nat"], **values)
    many = {"recipe": {f"setting_{number}": number for number in range(9)}}
    make_run(outputs, "thrm", 1, 0, config=many)  # an experiment with a long heading
    make_run(outputs, "standard", None, R_hyp_minus=None, config={"defense": {"lambda_": None}})
    make_run(outputs, "thrm", 7, 0, state="failed", status={"reason": HOSTILE})
    return outputs


def written(part: list[str], outputs: Path, path: Path) -> bytes:
    assert main([*part, str(outputs), "-o", str(path)]) == 1  # one run failed
    return path.read_bytes()


@pytest.mark.parametrize("part", [*PARTS.values(), ["runs"]], ids=[*PARTS, "runs"])
def test_markdown_keeps_text_text(part: list[str], outputs: Path, tmp_path: Path) -> None:
    text = written(part, outputs, tmp_path / "table.md").decode()
    assert "<b>" not in text
    rows = [line.replace(r"\|", "") for line in text.splitlines() if line.startswith("|")]
    assert len({row.count("|") for row in rows}) <= 1


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_csv_json_and_parquet_hold_the_same_records(part: list[str], outputs: Path, tmp_path: Path) -> None:
    records = json.loads(written(part, outputs, tmp_path / "table.json"))
    assert records
    frame = pandas.read_parquet(io.BytesIO(written(part, outputs, tmp_path / "table.parquet")))
    assert list(frame.columns) == list(records[0])
    lines = list(csv.DictReader(io.StringIO(written(part, outputs, tmp_path / "table.csv").decode())))
    assert len(lines) == len(frame) == len(records)
    for record, line, (_, row) in zip(records, lines, frame.iterrows(), strict=True):
        for key, value in record.items():
            if value is None:
                assert line[key] == ""
                assert row[key] is None or math.isnan(row[key])
            elif isinstance(value, list):
                assert line[key] == " ".join(map(str, value))
                assert list(row[key]) == value
            else:
                assert line[key] == str(value)
                assert row[key] == value


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(outputs: Path, tmp_path: Path) -> None:
    tables = [
        written(part, outputs, tmp_path / f"{number}.tex").decode()
        for number, part in enumerate([*PARTS.values(), ["runs"]])
    ]
    assert all(table.isascii() for table in tables)
    page = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + "\n".join(tables)
    (tmp_path / "page.tex").write_text(page + "\\end{document}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "page.tex"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    assert finished.returncode == 0, finished.stdout[-2000:]
