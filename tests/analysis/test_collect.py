"""Run directories to rows: every state has a readable reason, and nothing broken stops the rest."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import os
import pkgutil
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pandas
import pytest
import yaml
from composed_runs import add
from fake_runs import MakeRun, add_sweep

from analysis.reading import setting_columns as columns
from analysis.reading.collect import collect
from analysis.reading.columns import FOUND, LEADING, METRICS, TAKEN
from analysis.reading.setting_columns import setting_columns
from hypo import datasets
from hypo.measurements.evaluation import Evaluation
from hypo.runs.sweep import write_records
from hypo.settings.components import components
from hypo.settings.errors import InputError


def _only(frame: pandas.DataFrame) -> pandas.Series:
    assert len(frame) == 1
    return frame.iloc[0]


def test_a_finished_run_is_a_row_of_settings_metrics_and_intervals(outputs: Path, make_run: MakeRun) -> None:
    directory = make_run(outputs, "thrm", 5, seed=3, D=0.95, R_nat=0.05, R_hyp_minus=0.75)
    row = _only(collect(outputs))
    assert row["state"] == "done"
    assert row["reason"] == ""
    assert row["run_id"] == directory.name[-12:]
    assert row["directory"] == str(directory)
    assert row["command"] == "python -m hypo.run defense=thrm lambda=5 seed=3"
    options = ["dataset", "training_data", "arch", "defense", "norm", "recipe", "evaluation"]
    assert list(row[options]) == ["digits", "quality", "mlp", "thrm", "linf", "digits", "pgd"]
    assert (row["lambda"], row["lambda_value"], row["epsilon"], row["seed"]) == ("5", 5.0, "0.1", 3)
    assert (row["D"], row["R_nat"], row["R_hyp_minus"], row["A"]) == (0.95, 0.05, 0.75, 0.5)
    assert (row["R_hyp_minus_lower"], row["R_hyp_minus_upper"]) == (0.74, 0.76)
    assert row["recipe.epochs"] == 40


@pytest.mark.parametrize(
    ("typed", "text", "value"),
    [("1/2", "1/2", 0.5), (0.5, "0.5", 0.5), (5, "5", 5.0), (0, "0", 0.0), (None, "", math.nan)],
)
def test_lambda_stays_as_it_was_typed(
    outputs: Path, make_run: MakeRun, typed: object, text: str, value: float
) -> None:
    make_run(outputs, lambda_=typed)
    row = _only(collect(outputs))
    assert row["lambda"] == text
    assert row["lambda_value"] == pytest.approx(value, nan_ok=True)


def test_epsilon_as_typed_and_as_a_number(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, epsilon="8/255")
    row = _only(collect(outputs))
    assert (row["epsilon"], row["epsilon_value"]) == ("8/255", 8 / 255)


def test_a_null_metric_is_nan_with_nan_interval(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, R_hyp_minus=None)
    row = _only(collect(outputs))
    assert row["state"] == "done"
    assert row[["R_hyp_minus", "R_hyp_minus_lower", "R_hyp_minus_upper"]].isna().all()


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
    row = _only(collect(outputs))
    assert (row["state"], row["reason"]) == (state, reason)
    assert row[list(METRICS)].isna().all()


def test_status_done_without_a_result_is_not_done(outputs: Path, make_run: MakeRun) -> None:
    (make_run(outputs) / "result.json").unlink()
    row = _only(collect(outputs))
    assert row["state"] == "unreadable"
    assert row["reason"] == "status.json says done, but result.json is missing"


def test_a_result_makes_a_run_done_whatever_its_status(outputs: Path, make_run: MakeRun) -> None:
    (make_run(outputs) / "status.json").write_text("{")
    assert _only(collect(outputs))["state"] == "done"


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
    row = _only(collect(outputs))
    assert row["reason"] == "failed: �[2J� gone"
    assert row["recipe.optimizer"] == "a�[2J b"


def test_settings_tell_recipes_apart_and_nothing_else(outputs: Path, make_run: MakeRun, tmp_path: Path) -> None:
    make_run(outputs, "thrm", 5, seed=0)
    make_run(outputs, "trades", 1, seed=1)
    make_run(outputs, "standard", None, config={"recipe": {"epochs": 40.0, "name": "own"}})
    make_run(outputs, "thrm", 0, config={"dataset": {"root": "/elsewhere", "download": True}})
    make_run(tmp_path / "other", "thrm", 5, seed=0, config={"recipe": {"epochs": 5}})
    make_run(tmp_path / "other", "thrm", 5, seed=1, config={"recipe": {"milestones": [20]}})
    assert collect(outputs)["settings"].nunique() == 1
    assert collect([outputs, tmp_path / "other"])["settings"].nunique() == 3


def test_what_leaves_the_run_id_alone_leaves_the_settings_alone() -> None:
    modules = [importlib.import_module(f"hypo.datasets.{m.name}") for m in pkgutil.iter_modules(datasets.__path__)]
    classes = {Evaluation: "evaluation"}
    for module in modules:
        classes |= {cls: "dataset" for cls in vars(module).values() if dataclasses.is_dataclass(cls)}
    names = [
        (group, field.name)
        for cls, group in classes.items()
        for field in dataclasses.fields(cls)
        if not field.metadata.get("identity", True)
    ]
    assert ("evaluation", "batch") in names
    assert ("dataset", "root") in names
    for group, name in names:
        columns = setting_columns({group: {name: "changed", "kept": 1}})
        assert f"{group}.kept" in columns
        assert f"{group}.{name}" not in columns


def test_defense_settings_tell_variants_apart_but_not_lambdas(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, "thrm", 5)
    make_run(outputs, "thrm", 20)
    make_run(outputs, "thrm", 5, config={"defense": {"steps": 7}})
    frame = collect(outputs)
    assert frame["settings"].nunique() == 1
    assert frame["defense_settings"].nunique() == 2


def test_every_folder_that_may_stand_for_runs(outputs: Path, make_run: MakeRun) -> None:
    runs = [make_run(outputs, lambda_=x) for x in (0, 1, 5)]
    sweep = add_sweep(outputs, "s1", [runs[2].name, runs[0].name])
    assert len(collect(outputs)) == 3
    assert len(collect(str(outputs / "runs"))) == 3
    assert list(collect(sweep)["lambda"]) == ["5", "0"]
    assert list(collect(runs[1])["lambda"]) == ["1"]
    assert len(collect([outputs, sweep, runs[1]])) == 3


def test_a_copied_folder_reads_the_same(outputs: Path, make_run: MakeRun, tmp_path: Path) -> None:
    make_run(outputs, lambda_="1/2", D=0.9)
    shutil.copytree(outputs, tmp_path / "copy")
    first, second = collect(outputs), collect(tmp_path / "copy")
    pandas.testing.assert_frame_equal(first.drop(columns="directory"), second.drop(columns="directory"))


def test_of_two_copies_the_finished_one_counts(outputs: Path, make_run: MakeRun, tmp_path: Path) -> None:
    directory = make_run(outputs, D=0.9)
    shutil.copytree(outputs, tmp_path / "earlier")
    (tmp_path / "earlier" / "runs" / directory.name / "result.json").unlink()
    assert _only(collect([tmp_path / "earlier", outputs]))["D"] == 0.9
    assert _only(collect([outputs, tmp_path / "earlier"]))["D"] == 0.9


def test_a_run_that_only_the_sweep_knows_is_missing(outputs: Path, make_run: MakeRun) -> None:
    run = make_run(outputs)
    sweep = add_sweep(outputs, "s1", [run.name, "digits-mlp-thrm-lambda9-s0-0123456789ab"])
    row = collect(sweep).iloc[1]
    assert (row["state"], row["run_id"], row["settings"]) == ("missing", "0123456789ab", "")
    assert row["reason"] == "not submitted: it has no run directory"
    assert row["command"] == "python -m hypo.run -m"


def planned(run: Path) -> dict[str, object]:
    """The record of a run that was planned as `run` is, which is then taken away."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    command = json.loads((run / "status.json").read_text())["command"]
    shutil.rmtree(run)
    return {"directory": run.name, "config": config, "command": command}


def test_a_run_that_is_only_planned_is_queued_with_all_its_settings(outputs: Path, make_run: MakeRun) -> None:
    begun = make_run(outputs, "thrm", 5, seed=0)
    waiting, needed = make_run(outputs, "trades", "1/2", seed=3), make_run(outputs, "standard", None)
    whole = collect(waiting).iloc[0]
    sweep = add_sweep(outputs, "s1", [waiting.name, begun.name])
    write_records(sweep / "runs.jsonl", [planned(needed), planned(waiting)])
    for source in (sweep, outputs):
        row = collect(source).set_index("run_id", drop=False).loc[whole["run_id"]]
        assert (row["state"], row["reason"]) == ("queued", "queued")
        assert row["command"] == "python -m hypo.run defense=trades lambda=1/2 seed=3"
        for column in (
            "name",
            "directory",
            "defense",
            "lambda",
            "seed",
            "settings",
            "recipe.epochs",
        ):
            assert row[column] == whole[column]
        assert row[list(METRICS)].isna().all()
    assert list(collect(sweep)["state"]) == ["queued", "done"]  # what it needs first, nobody asked to see
    assert sorted(collect(outputs)["state"]) == ["done", "queued", "queued"]


@pytest.mark.parametrize("created", [[], ["config.yaml"]])
def test_a_run_whose_directory_is_only_being_made_is_queued(
    outputs: Path, make_run: MakeRun, created: list[str]
) -> None:
    """It is there before its files are, and its process may have ended in between."""
    run = make_run(outputs, state="queued", seed=3)
    config = (run / "config.yaml").read_text()
    sweep = add_sweep(outputs, "s1", [run.name])
    write_records(sweep / "runs.jsonl", [planned(run)])
    run.mkdir()
    for name in created:
        (run / name).write_text(config)
    row = _only(collect(sweep))
    assert (row["state"], row["reason"], row["seed"]) == ("queued", "queued", 3)


def test_a_run_that_has_begun_speaks_for_itself(outputs: Path, make_run: MakeRun) -> None:
    run = make_run(outputs, state="failed", status={"reason": "it broke"})
    shutil.copytree(run, outputs / "copy")
    record = planned(run)
    (outputs / "copy").rename(run)
    sweep = add_sweep(outputs, "s1", [run.name])
    write_records(sweep / "runs.jsonl", [{**record, "config": {**record["config"], "seed": 99}}])  # type: ignore[dict-item]
    for source in (sweep, outputs):
        row = _only(collect(source))
        assert (row["state"], row["reason"], row["seed"]) == ("failed", "failed: it broke", 0)


@pytest.mark.parametrize("broken", ["{", "[]", '{"directory": "x", "config": 3, "command": ""}', "\x00"])
def test_a_broken_list_of_planned_runs_stops_nothing(outputs: Path, make_run: MakeRun, broken: str) -> None:
    run = make_run(outputs, D=0.75)
    sweep = add_sweep(outputs, "s1", [run.name, "digits-mlp-thrm-lambda9-s0-0123456789ab"])
    (sweep / "runs.jsonl").write_text(broken)
    assert list(collect(sweep)["state"]) == ["done", "missing"]
    assert _only(collect(outputs))["D"] == 0.75


def test_folders_that_hold_no_runs_are_refused_in_one_line(tmp_path: Path) -> None:
    empty, file = tmp_path / "empty", tmp_path / "file"
    (empty / "runs").mkdir(parents=True)
    file.write_text("")
    for path, problem in [(empty, "holds no runs"), (file, "is not a folder"), (tmp_path / "x", "does not exist")]:
        with pytest.raises(InputError, match=problem) as caught:
            collect(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [("{", "unreadable"), ("[]", "unreadable"), ('{"schema": 3, "runs": []}', "schema 3, this version reads 2")],
)
def test_a_sweep_that_cannot_be_read_is_refused(outputs: Path, content: str, problem: str) -> None:
    sweep = add_sweep(outputs, "s1", [])
    (sweep / "sweep.json").write_text(content)
    with pytest.raises(InputError, match=problem):
        collect(sweep)


def test_a_sweep_without_its_runs_folder_is_refused(outputs: Path) -> None:
    with pytest.raises(InputError, match="copy the outputs whole"):
        collect(add_sweep(outputs, "s1", ["some-run-0123456789ab"]))


def test_configs_are_read_without_the_c_parser_too(
    outputs: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(outputs, lambda_="1/2")
    monkeypatch.setattr("analysis.reading.collect._YamlLoader", yaml.SafeLoader)
    assert _only(collect(outputs))["lambda"] == "1/2"


def test_a_run_whose_process_is_gone_is_not_called_running(make_run: MakeRun, outputs: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    here = {"host": socket.gethostname()}
    make_run(outputs, seed=0, state="running", status={**here, "pid": ended.pid})
    make_run(outputs, seed=1, state="running", status={**here, "pid": os.getpid()})
    make_run(outputs, seed=2, state="running", status={"host": "elsewhere", "pid": ended.pid})
    make_run(outputs, seed=3, state="running", status={**here, "pid": 2**70})
    frame = collect(outputs).set_index("seed")
    assert frame.loc[[0, 1, 2, 3], "state"].tolist() == ["interrupted", "running", "running", "interrupted"]
    assert frame.loc[0, "reason"] == "stopped without a word at epoch 3 of 40"


def test_a_setting_that_came_later_reads_as_what_runs_had_before_it(outputs: Path) -> None:
    """So that the seeds of one cell stay together, whichever version ran them."""
    later = ("recipe.last_batch", "evaluation.surrogate", "arch.initialisation")
    for seed, drop in ((0, later), (1, ())):
        add(outputs, "dataset=cifar10", f"seed={seed}", drop=drop)
    found = collect(outputs)
    assert found["settings"].nunique() == 1
    assert found[list(later)].drop_duplicates().values.tolist() == [["drop", True, "torchvision"]]


def test_no_share_of_a_finding_can_be_called_like_a_column() -> None:
    assert {*LEADING, *FOUND, *METRICS} <= TAKEN


def test_what_is_implied_is_what_the_components_declare() -> None:
    declared = {}
    for name, component in components().items():
        implied = {f.name: f.metadata["implied"] for f in dataclasses.fields(component) if "implied" in f.metadata}
        declared |= {name: implied} if implied else {}
    assert declared == columns._IMPLIED
