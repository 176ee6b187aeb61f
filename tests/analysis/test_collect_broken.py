"""Run directories that are unfinished, broken or foreign: each is named, and the others are read."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from fake_runs import MakeRun, only

from analysis.reading.collect import collect
from analysis.reading.columns import METRICS


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        ("queued", {}, "queued"),
        ("running", {}, "running, epoch 3 of 40, last sign of life 2026-11-21T06:30:00Z"),
        ("interrupted", {}, "interrupted at epoch 3 of 40"),
        ("failed", {"reason": "loss is\nnot finite"}, "failed: loss is not finite"),
        ("failed", {}, "failed: no reason was recorded"),
    ],
)
def test_an_unfinished_run_says_why(
    outputs: Path, make_run: MakeRun, state: str, status: dict[str, object], reason: str
) -> None:
    make_run(outputs, state=state, status=status)
    row = only(collect(outputs))
    assert (row["state"], row["reason"]) == (state, reason)
    assert row[list(METRICS)].isna().all()


def test_status_done_without_a_result_is_not_done(outputs: Path, make_run: MakeRun) -> None:
    (make_run(outputs) / "result.json").unlink()
    row = only(collect(outputs))
    assert row["state"] == "unreadable"
    assert row["reason"] == "status.json says done, but result.json is missing"


def test_a_result_makes_a_run_done_whatever_its_status(outputs: Path, make_run: MakeRun) -> None:
    (make_run(outputs) / "status.json").write_text("{")
    assert only(collect(outputs))["state"] == "done"


def _without(key: str, text: str) -> str:
    record = json.loads(text)
    del record[key]
    return json.dumps(record)


BREAKAGES = {
    "truncated": ("result.json", lambda text: text[: len(text) // 2], "result.json is unreadable: "),
    "empty": ("result.json", lambda text: "", "result.json is unreadable: "),
    "a list": ("result.json", lambda text: "[]", "result.json is unreadable: it holds no mapping"),
    "no D": ("result.json", lambda text: _without("D", text), "result.json is unreadable: it has no 'D'"),
    "no intervals": (
        "result.json",
        lambda text: _without("intervals", text),
        "result.json is unreadable: it has no 'intervals'",
    ),
    "a word": ("result.json", lambda text: text.replace("0.5,", '"half",', 1), "result.json is unreadable: D: "),
    "a percentage": (
        "result.json",
        lambda text: text.replace("0.5,", "96.5,", 1),
        "result.json is unreadable: D: 96.5 is no fraction in [0, 1]",
    ),
    "not a number": (
        "result.json",
        lambda text: text.replace("0.5,", "NaN,", 1),
        "result.json is unreadable: D: nan",
    ),
    "endless": (
        "result.json",
        lambda text: text.replace("0.5,", "Infinity,", 1),
        "result.json is unreadable: D: inf",
    ),
    "schema 2": (
        "result.json",
        lambda text: text.replace('"schema": 2', '"schema": 3'),
        "written with schema 3, this version reads 2",
    ),
    "config schema 2": (
        "config.yaml",
        lambda text: text.replace("schema: 2", "schema: 3"),
        "written with schema 3, this version reads 2",
    ),
    "broken YAML": ("config.yaml", lambda text: text + "\n]", "config.yaml is unreadable: "),
    "a Python object": (
        "config.yaml",
        lambda text: text + "\nx: !!python/object/apply:os.getcwd []\n",
        "config.yaml is unreadable: could not determine a constructor",
    ),
    "itself": ("config.yaml", lambda text: text + "\nx: &x {y: *x}\n", "config.yaml is unreadable: "),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_file_is_named_and_the_others_are_read(outputs: Path, make_run: MakeRun, breakage: str) -> None:
    file, spoil, reason = BREAKAGES[breakage]
    path = make_run(outputs, seed=0) / file
    make_run(outputs, seed=1, D=0.75)
    path.write_text(spoil(path.read_text()))
    frame = collect(outputs)
    broken, whole = frame.iloc[0], frame.iloc[1]
    assert broken["state"] == "unreadable"
    assert broken["reason"].startswith(reason)
    assert math.isnan(broken["D"])
    assert (whole["state"], whole["D"]) == ("done", 0.75)


def test_bytes_that_are_no_text_and_a_missing_status(outputs: Path, make_run: MakeRun) -> None:
    (make_run(outputs, seed=0) / "result.json").write_bytes(b"\xff\xfe")
    (make_run(outputs, seed=1, state="queued") / "status.json").unlink()
    first, second = collect(outputs)["reason"]
    assert first.startswith("result.json is unreadable: 'utf-8' codec")
    assert second == "status.json is missing"


def test_text_from_files_cannot_move_the_cursor(outputs: Path, make_run: MakeRun) -> None:
    reason = {"reason": "\x1b[2J\ud800 gone"}
    make_run(outputs, state="failed", status=reason, config={"recipe": {"optimizer": "a\x1b[2J\nb"}})
    row = only(collect(outputs))
    assert row["reason"] == "failed: �[2J� gone"
    assert row["recipe.optimizer"] == "a�[2J b"
