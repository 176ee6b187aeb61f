"""Run directories to rows: every state has a readable reason, and nothing broken stops the rest."""

from __future__ import annotations

import dataclasses
import importlib
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
from fake_runs import MakeRun, add_sweep, only

from analysis.reading import setting_columns as columns
from analysis.reading.collect import collect
from analysis.reading.columns import FOUND, LEADING, METRICS, TAKEN, USAGE
from analysis.reading.setting_columns import setting_columns
from hypo import datasets
from hypo.measurements.evaluation import Evaluation
from hypo.settings.components import components


def test_a_finished_run_is_a_row_of_settings_metrics_and_intervals(outputs: Path, make_run: MakeRun) -> None:
    directory = make_run(outputs, "thrm", 5, seed=3, D=0.95, R_nat=0.05, R_hyp_minus=0.75)
    row = only(collect(outputs))
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
    row = only(collect(outputs))
    assert row["lambda"] == text
    assert row["lambda_value"] == pytest.approx(value, nan_ok=True)


def test_epsilon_as_typed_and_as_a_number(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, epsilon="8/255")
    row = only(collect(outputs))
    assert (row["epsilon"], row["epsilon_value"]) == ("8/255", 8 / 255)


def test_a_null_metric_is_nan_with_nan_interval(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, R_hyp_minus=None)
    row = only(collect(outputs))
    assert row["state"] == "done"
    assert row[["R_hyp_minus", "R_hyp_minus_lower", "R_hyp_minus_upper"]].isna().all()


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
    assert only(collect([tmp_path / "earlier", outputs]))["D"] == 0.9
    assert only(collect([outputs, tmp_path / "earlier"]))["D"] == 0.9


def test_configs_are_read_without_the_c_parser_too(
    outputs: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(outputs, lambda_="1/2")
    monkeypatch.setattr("analysis.reading.collect._YamlLoader", yaml.SafeLoader)
    assert only(collect(outputs))["lambda"] == "1/2"


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
    assert {*LEADING, *FOUND, *USAGE, *METRICS} <= TAKEN


def test_what_is_implied_is_what_the_components_declare() -> None:
    declared = {}
    for name, component in components().items():
        implied = {f.name: f.metadata["implied"] for f in dataclasses.fields(component) if "implied" in f.metadata}
        declared |= {name: implied} if implied else {}
    assert declared == columns._IMPLIED
