"""What an attempt leaves behind, and what it says of itself."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from compared import Stopping
from small_jobs import THRM, Silent, job
from small_models import small_experiment

from hypo.jobs.attempt import attempt
from hypo.runs.directory import RunDirectory
from hypo.runs.lock import Claim, holder
from hypo.runs.outcome import Outcome

NODE_FAILURE = Outcome("interrupted", "its node failed", "node failure")


def test_who_knows_how_the_last_attempt_ended_says_so(tmp_path: Path) -> None:
    again = job(tmp_path)
    left_open = {"host": "node1", "pid": 7, "started_at": "2026-11-21T06:30:00+00:00"}
    again.directory.update_status(state="running", attempts=[left_open])
    assert attempt(again, Silent(), before=NODE_FAILURE).state == "done"
    first, second = again.directory.status()["attempts"]
    assert first.items() >= left_open.items()
    assert Outcome(first["outcome"], first["reason"], first["cause"]) == NODE_FAILURE
    assert second["outcome"] == "done"


def test_what_an_attempt_said_itself_is_not_said_otherwise_later(tmp_path: Path) -> None:
    stopped = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        attempt(stopped, Stopping(after=1))
    said = stopped.directory.status()["attempts"]
    assert attempt(stopped, Silent(), before=NODE_FAILURE).state == "done"
    assert stopped.directory.status()["attempts"][:1] == said


def test_an_attempt_says_for_whom_it_was_made(tmp_path: Path) -> None:
    about = {"job": "17_3", "restart": 1, "node": "node1"}
    done = job(tmp_path)
    assert attempt(done, Silent(), claim=Claim(about=about)).state == "done"
    (entry,) = done.directory.status()["attempts"]
    assert entry.items() >= about.items()
    assert (entry["pid"], holder(done.directory.path / ".lock")["job"]) == (os.getpid(), "17_3")


def test_a_finished_run_is_left_alone(uninterrupted: RunDirectory) -> None:
    def state() -> dict[str, tuple[bytes, int]]:
        return {
            path.name: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in uninterrupted.path.iterdir()
            if path.name != ".lock"
        }

    before = state()
    outcome = attempt(job(uninterrupted.path.parents[1], dataset="another-name"), Silent())
    assert (outcome.state, outcome.trained) == ("done", False)
    assert state() == before
    assert len(list(uninterrupted.path.parent.iterdir())) == 1


def test_what_cannot_change_a_result_may_be_set_anew(tmp_path: Path) -> None:
    """Another device, under the same run id: config.yaml says what the newest attempt computed with."""
    experiment = small_experiment(THRM)
    stopped = job(tmp_path, experiment)
    with pytest.raises(KeyboardInterrupt):
        attempt(stopped, Stopping(after=1))
    assert stopped.directory.config() == stopped.record["config"]
    evaluation = replace(experiment.evaluation, batch=7)
    again = job(tmp_path, replace(experiment, device="auto", evaluation=evaluation))
    assert again.run_id == stopped.run_id
    assert again.directory.config()["device"] == "cpu"
    assert attempt(again, Silent()).state == "done"
    config = again.directory.config()
    assert (config["device"], config["evaluation"]["batch"]) == ("auto", 7)
    assert config == again.record["config"]
    assert attempt(stopped, Silent()) == Outcome("done", trained=False)
    assert again.directory.config() == config


def test_a_finished_run_has_everything(uninterrupted: RunDirectory) -> None:
    result = uninterrupted.result()
    assert result is not None
    assert (
        uninterrupted.path.name
        == f"stripes-training_data-arch-defense-lambda3-threat_model0.05-s0-{result['run_id']}"
    )
    assert (result["schema"], result["n"]) == (2, 60)
    for name, count in result["counts"].items():
        assert result[name] == (count["count"] / count["of"] if count["of"] else None)
        low, high = result["intervals"][name]
        assert low <= result[name] <= high
    examples = pandas.read_parquet(uninterrupted.path / "examples.parquet")
    assert list(examples) == [
        "example", "label", "clean_prediction", "correct", "adv", "hyp", "sta", "hyp_moved", "hyp_by_stability",
        "search", "sta_search", "margin", "lead",
    ]  # fmt: skip
    assert result["D"] == examples.correct.mean()
    assert result["A"] == pytest.approx(1 - examples.adv.mean())
    assert result["F"] == examples.hyp.mean()
    status = uninterrupted.status()
    assert (status["state"], status["epoch"], status["epochs"], status["reason"]) == ("done", 3, 3, None)
    assert json.loads((uninterrupted.path / "environment.json").read_text())
    assert len(pandas.read_csv(uninterrupted.path / "history.csv")) == 3
    assert not (uninterrupted.path / "checkpoint.previous.pt").exists()
