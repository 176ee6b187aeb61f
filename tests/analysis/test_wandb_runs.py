"""Runs that W&B has, on a server on loopback or in its own files, as a source."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest
from fake_findings import add_targets, add_wrinkles
from tracked_runs import command, make_tracked
from wandb_server import WandbServer

from analysis.reading import wandb_runs
from analysis.reading.collect import collect
from hypo.runs import tracking


def test_an_unreachable_server_is_one_line(tracked: Path) -> None:
    with WandbServer() as gone:
        pass
    for arguments in (["wandb", "--sync", tracked], ["tables", "--from-wandb", "me/hypo"]):
        code, said, errors = command(gone, *arguments)
        assert (code, said) == (2, "")
        assert "no answer from http://127.0.0.1" in errors
        assert errors.count("\n") == 1


def test_a_projects_runs_are_the_table_of_the_folder(server: WandbServer, tracked: Path, tmp_path: Path) -> None:
    command(server, "wandb", "--sync", tracked)
    code, said, errors = command(server, "runs", "--from-wandb", "tester/hypo", "-o", tmp_path / "runs.parquet")
    assert code == 1  # one failed
    assert "digits_mlp_thrm_lambda5-s1: failed, as W&B has it" in errors
    theirs = pandas.read_parquet(tmp_path / "runs.parquet").set_index("run_id")
    ours = collect(tracked).set_index("run_id").loc[theirs.index]
    for column in ("name", "state", "dataset", "arch", "defense", "lambda", "epsilon", "seed", "settings"):
        assert list(theirs[column]) == list(ours[column]), column
    for column in ("D", "R_nat", "R_hyp_minus", "R_hyp_minus_lower", "R_hyp_minus_upper"):
        assert list(theirs[column]) == pytest.approx(list(ours[column]), nan_ok=True), column
    code, said, _ = command(server, "tables", "--from-wandb", "tester/hypo")
    assert "| thrm | 5 | 1 of 2 |" in said


def test_a_project_that_is_not_there_is_one_line(server: WandbServer) -> None:
    code, _, errors = command(server, "tables", "--from-wandb", "tester/nothing")
    assert code == 2
    assert "python -m analysis: tester/nothing: W&B says:" in errors
    assert "ould not find project" in errors
    assert command(server, "tables", "--from-wandb", "")[::2] == (
        2,
        "python -m analysis: --from-wandb: takes entity/project, got ''\n",
    )


def test_findings_come_back_as_they_were_sent(server: WandbServer, outputs: Path, tmp_path: Path) -> None:
    add_targets(add_wrinkles(make_tracked(outputs, 0)), cat=(1, 2, 10), dog=(0, 0, 10))
    assert command(server, "wandb", "--sync", outputs)[0] == 0
    for name, source in (("theirs", ["--from-wandb", "tester/hypo"]), ("ours", [outputs])):
        assert command(server, "runs", *source, "-o", tmp_path / f"{name}.json")[0] == 0
    theirs, ours = (json.loads((tmp_path / f"{name}.json").read_text())["runs"][0] for name in ("theirs", "ours"))
    for column in ours.keys() - {"directory", "command"}:
        assert theirs[column] == ours[column], column
    code, _, errors = command(server, "targeted", "--from-wandb", "tester/hypo", "-o", tmp_path)
    assert (code, errors) == (0, "")
    assert list(pandas.read_csv(tmp_path / "targeted.csv")["class"]) == ["y", "cat", "dog"]


def test_a_finding_that_was_added_later_is_uploaded_then(server: WandbServer, outputs: Path) -> None:
    run = make_tracked(outputs, 0)
    command(server, "wandb", "--sync", outputs)
    add_wrinkles(run, steps=3)
    line = f"{'-'.join(run.name.split('-')[:2])}: 0 epochs, results\n"
    assert command(server, "wandb", "--sync", outputs) == (0, line, "")
    assert command(server, "wandb", "--sync", outputs) == (0, "", "")
    (served,) = server.runs.values()
    assert served.summary["W_boundary"] == 0.25
    assert served.summary["wrinkles/cloth/linen"] == 0.25


def test_parts_of_a_run_come_in_time_also_within_a_second() -> None:
    names = ("offline-run-20261124_112942-a", "offline-run-20261124_112942-a-1", "run-20261124_112943-a")
    files = [Path("wandb") / name / "run-a.wandb" for name in names]
    assert sorted(reversed(files), key=wandb_runs._began) == files


def test_folders_that_wandb_wrote_offline_are_a_source_too(server: WandbServer, tmp_path: Path) -> None:
    config = {"schema": 2, "name": "digits-mlp-a", "dataset": {"name": "digits"}, "defense": {"name": "thrm"}}
    config |= {
        "lambda": 5,
        "epsilon": "8/255",
        "seed": 3,
        "threat_model": {"name": "linf"},
        "arch": {"name": "mlp"},
    }
    result = {name: 0.5 for name in ("D", "A", "F", "R_nat", "R_adv", "R_adv_plus", "R_hyp", "R_sta")}
    result |= {"R_hyp_minus": 0.75, "R_sta_minus": None, "intervals": {"R_hyp_minus": [0.7, 0.8]}}
    for name, summaries in (("first", [{}, result]), ("killed", [None])):
        for summary in summaries:  # two parts: it was interrupted and resumed
            (tmp_path / name).mkdir(exist_ok=True)
            mirror = tracking.Tracking("offline").start(
                tmp_path / name, run_id=name, name="a", group=None, tags=[], config=config
            )
            mirror.log({"epoch": 1, "loss": 0.5})
            if summary is not None:
                mirror.finish(summary, exit_code=0 if summary else 1)
            tracking.close()
    frame = collect(tmp_path).set_index("run_id")
    assert list(frame.index) == ["first", "killed"]
    first = frame.loc["first"]
    assert (first["state"], first["defense"], first["lambda"], first["epsilon"]) == ("done", "thrm", "5", "8/255")
    assert (first["R_hyp_minus"], first["R_hyp_minus_lower"]) == (0.75, 0.7)
    assert pandas.isna(first["R_sta_minus"])
    assert frame.loc["killed", "state"] == "failed"
    code, said, errors = command(server, "wandb", "--sync", tmp_path)
    assert (code, said) == (2, "")
    takes = "--sync: takes run directories; for W&B's own files: wandb sync"
    assert errors == f"python -m analysis: {takes} {first['directory']}\n"


def test_a_later_part_counts_whether_it_was_online_or_not(tmp_path: Path) -> None:
    """Killed while it was online, finished offline: W&B's folders sort the other way round."""
    result = {name: 0.5 for name in ("D", "A", "F", "R_nat", "R_adv", "R_adv_plus", "R_hyp", "R_sta")}
    result |= {"R_hyp_minus": 0.75, "R_sta_minus": None, "intervals": {}}
    for at, folder in enumerate(("run-20261124_112914-a", "offline-run-20261124_112942-a")):
        (tmp_path / str(at)).mkdir()
        mirror = tracking.Tracking("offline").start(
            tmp_path / str(at), run_id="a", name="a", group=None, tags=[], config={"dataset": {"name": "digits"}}
        )
        mirror.log({"epoch": 1 + at})
        if at:
            mirror.finish(result)
        tracking.close()
        (made,) = (tmp_path / str(at) / "wandb").glob("offline-run-*")
        (tmp_path / "wandb").mkdir(exist_ok=True)
        made.rename(tmp_path / "wandb" / folder)
    frame = collect(tmp_path)
    assert list(frame["state"]) == ["done"]
