"""Runs of a sweep that are planned, missing, or only being made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from fake_runs import MakeRun, add_sweep, only

from analysis.reading.collect import collect
from analysis.reading.columns import METRICS
from hypo.runs.sweep import write_records
from hypo.settings.errors import InputError


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
    row = only(collect(sweep))
    assert (row["state"], row["reason"], row["seed"]) == ("queued", "queued", 3)


def test_a_run_that_has_begun_speaks_for_itself(outputs: Path, make_run: MakeRun) -> None:
    run = make_run(outputs, state="failed", status={"reason": "it broke"})
    shutil.copytree(run, outputs / "copy")
    record = planned(run)
    (outputs / "copy").rename(run)
    sweep = add_sweep(outputs, "s1", [run.name])
    write_records(sweep / "runs.jsonl", [{**record, "config": {**record["config"], "seed": 99}}])  # type: ignore[dict-item]
    for source in (sweep, outputs):
        row = only(collect(source))
        assert (row["state"], row["reason"], row["seed"]) == ("failed", "failed: it broke", 0)


@pytest.mark.parametrize("broken", ["{", "[]", '{"directory": "x", "config": 3, "command": ""}', "\x00"])
def test_a_broken_list_of_planned_runs_stops_nothing(outputs: Path, make_run: MakeRun, broken: str) -> None:
    run = make_run(outputs, D=0.75)
    sweep = add_sweep(outputs, "s1", [run.name, "digits-mlp-thrm-lambda9-s0-0123456789ab"])
    (sweep / "runs.jsonl").write_text(broken)
    assert list(collect(sweep)["state"]) == ["done", "missing"]
    assert only(collect(outputs))["D"] == 0.75


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
