"""`python -m analysis wandb --sync` against a server on loopback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas
import pytest
from forked import Forked
from tracked_runs import EPOCHS, HISTORY, command
from wandb_server import WandbServer


def test_what_has_ended_is_uploaded_once_and_only_what_is_new_later(server: WandbServer, tracked: Path) -> None:
    code, said, errors = command(server, "wandb", "--sync", tracked)
    assert (code, errors) == (0, "")
    assert said.splitlines() == [
        "digits_mlp_thrm_lambda5-s0: 5 epochs, results",
        "digits_mlp_thrm_lambda5-s1: 3 epochs",
    ]
    done, failed = server.runs.values()
    assert (done.name, done.group, done.job_type) == ("thrm-lambda5-linf0.1-s0", "a-sweep", "train")
    assert done.tags == ["thrm", "digits"]
    assert [row["epoch"] for row in done.history] == [1, 2, 3, 4, 5]
    assert done.summary["R_hyp_minus"] == 0.8
    assert "run_id" not in done.summary
    assert done.summary["intervals"]["R_hyp_minus"] == pytest.approx([0.79, 0.81])
    assert (done.state, failed.state) == ("finished", "failed")
    assert [row["epoch"] for row in failed.history] == [1, 2, 3]

    assert command(server, "wandb", "--sync", tracked) == (0, "", "")
    (failed_run,) = (tracked / "runs").glob("*-s1-*")
    (failed_run / "history.csv").write_text(HISTORY + "".join(EPOCHS))
    assert command(server, "wandb", "--sync", tracked)[1] == "digits_mlp_thrm_lambda5-s1: 2 epochs\n"
    assert [row["epoch"] for row in failed.history] == [1, 2, 3, 4, 5]
    assert len(server.runs) == 2


def test_nothing_is_left_in_the_temporary_folder(
    server: WandbServer, tracked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    assert command(server, "wandb", "--sync", tracked)[0] == 0
    assert command(server, "tables", "--from-wandb", "tester/hypo")[0] == 1  # one failed
    assert list((tmp_path / "scratch").iterdir()) == []


def test_epochs_that_never_arrived_are_added_whatever_came_after_them(server: WandbServer, tracked: Path) -> None:
    """As when the server was away for a while; its summary knows of the last epoch all the same."""
    command(server, "wandb", "--sync", tracked)
    done = next(iter(server.runs.values()))
    done.lines[1:3] = []
    assert command(server, "wandb", "--sync", tracked)[1] == "digits_mlp_thrm_lambda5-s0: 2 epochs\n"
    assert sorted(row["epoch"] for row in done.history) == [1, 2, 3, 4, 5]
    steps = [row["_step"] for row in done.history]
    assert steps == sorted(set(steps))
    assert done.summary["epoch"] == 5
    assert command(server, "wandb", "--sync", tracked) == (0, "", "")


def test_a_run_whose_end_the_server_missed_is_ended(server: WandbServer, tracked: Path) -> None:
    command(server, "wandb", "--sync", tracked)
    done = next(iter(server.runs.values()))
    done.crashed = True
    assert command(server, "tables", "--from-wandb", "tester/hypo")[0] == 1
    assert command(server, "wandb", "--sync", tracked)[1] == "digits_mlp_thrm_lambda5-s0: 0 epochs\n"
    assert done.state == "finished"
    assert len(done.history) == 5


def test_the_entity_of_the_environment_is_obeyed(
    server: WandbServer, tracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    answer = server.graphql
    monkeypatch.setattr(
        server, "graphql", lambda name, values: (asked.append((name, values)), answer(name, values))[1]
    )
    assert command(server, "wandb", "--sync", tracked, entity="a-team")[0] == 0
    entities = {values["entity"] for name, values in asked if name in ("Runs", "RunResumeStatus")}
    assert entities == {"a-team"}


def test_an_upload_that_fails_says_so_and_the_next_one_completes_it(server: WandbServer, tracked: Path) -> None:
    server.status = 500
    code, _, errors = command(server, "wandb", "--sync", tracked, patience=3)
    assert code == 2
    assert errors.startswith("python -m analysis: --sync: ")
    assert errors.count("\n") == 1
    server.status = 200
    assert command(server, "wandb", "--sync", tracked)[0] == 0
    assert [len(run.history) for run in server.runs.values()] == [5, 3]


def test_a_run_whose_server_was_gone_is_complete_after_a_later_upload(server: WandbServer, tmp_path: Path) -> None:
    with WandbServer() as gone:
        pass
    settings = ("recipe.epochs=3", "tracking=online", f"output_dir={tmp_path}")
    environment = {**os.environ, "WANDB_BASE_URL": gone.url, "WANDB_API_KEY": "a" * 40}
    with Forked("-m", "hypo.run", *settings, env=environment) as run:
        assert run.wait(200) == 0
        assert run.err.count("W&B: ") == 1
    assert command(server, "wandb", "--sync", tmp_path)[0] == 0
    (uploaded,) = server.runs.values()
    (directory,) = (tmp_path / "runs").iterdir()
    history = pandas.read_csv(directory / "history.csv")
    assert [row["epoch"] for row in uploaded.history] == [1, 2, 3]
    assert [row["loss"] for row in uploaded.history] == pytest.approx(list(history["loss"]))
    result = json.loads((directory / "result.json").read_text())
    for key in ("D", "A", "F", "counts"):
        assert uploaded.summary[key] == result[key]
    assert any("hidden" in name for name in uploaded.media)
