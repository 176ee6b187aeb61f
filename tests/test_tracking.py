"""W&B mirrors a run when it can, and no fault of it reaches the run."""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas
import pytest
import torch
from wandb_server import WandbServer

from hypo import tracking
from hypo.demonstration import Example, sheet
from hypo.errors import InputError
from hypo.tracking import Mirror, Tracking
from hypo.wandb_process import INIT_SECONDS, PROBE_SECONDS, Recorder

KEY = "5ec2e7" * 6 + "5ec2"
WANDB_CORE = str(Path(str(find_spec("wandb").origin)).parent / "bin" / "wandb-core")
SUMMARY = {"R_nat": 0.25, "intervals": {"R_nat": [0.2, 0.3]}}

TRAIN = """
import logging, os, pathlib, sys
logging.basicConfig(format="%(levelname)s %(message)s")
from hypo.tracking import Tracking

def train(directory, run_id, epochs=3):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    mirror = Tracking(sys.argv[1]).start(
        directory, run_id=run_id, name="thrm-lambda5-s0", group="a-sweep", tags=["thrm", "digits"],
        config={"dataset": {"name": "digits"}, "lambda": 5, "epsilon": "8/255"},
    )
    for epoch in range(1, epochs + 1):
        mirror.log({"epoch": epoch, "loss": 1 / epoch})
    return mirror
"""


def begin_script(script: str, mode: str, directory: Path, **environment: str) -> subprocess.Popen[str]:
    """A process of its own that runs `script` after TRAIN in `directory`."""
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN + script, mode],
        cwd=directory,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("WANDB_")},
            "PYTHONPATH": str(Path(tracking.__file__).parents[1]),
            "WANDB_API_KEY": KEY,
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_script(script: str, mode: str, directory: Path, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `begin_script`."""
    with begin_script(script, mode, directory, **environment) as process:
        output, errors = process.communicate(timeout=100)
    return process.returncode, output, errors


def recorded(directory: Path) -> dict[str, Any]:
    """What the last of W&B's files below a run directory says, in our words."""
    path = max(directory.glob("wandb/*run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    command = [WANDB_CORE, "leet", "inspect", "--json", "--no-observability", "--run-file", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    records = [json.loads(line) for line in lines]

    def last(kind: str) -> dict[str, Any]:
        return next((record[kind] for record in reversed(records) if record["type"] == kind), {})

    summary: dict[str, Any] = {}
    for record in records:
        if record["type"] == "summary":
            summary |= record["summary"].get("update", {})
    return {
        "run": last("run"),
        "history": [record["history"]["item"] for record in records if record["type"] == "history"],
        "summary": summary,
        "exit": last("exit"),
    }


def start(directory: Path, mode: str) -> Mirror:
    directory.mkdir(exist_ok=True)
    return Tracking(mode).start(directory, run_id="abc", name="a", group=None, tags=[], config={})


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Tracking in this process, with a child of its own."""
    tracking.close()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    yield monkeypatch
    tracking.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_another_mode_is_refused() -> None:
    with pytest.raises(InputError, match="tracking takes offline, online, disabled; got 'on'"):
        Tracking("on")


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "x" * 129])
@pytest.mark.parametrize("key", ["project", "entity"])
def test_a_name_that_wandb_would_refuse_is_refused(key: str, name: str) -> None:
    with pytest.raises(
        InputError, match=f"^tracking.{key}: takes up to 128 characters, none of .*, got '{name}'$"
    ):
        Tracking(**{key: name})
    Tracking(**{key: "my team-2"})


def test_disabled_does_nothing(tmp_path: Path) -> None:
    done = run_script("train('run', 'a').finish({'A': 1.0}); print('wandb' in sys.modules)", "disabled", tmp_path)
    assert done == (0, "False\n", "")
    assert list((tmp_path / "run").iterdir()) == []


def test_offline_runs_in_sequence_are_separate_and_complete(tmp_path: Path) -> None:
    done = run_script(
        f"train('first', 'a').finish({SUMMARY})\ntrain('second', 'b', epochs=5).finish({{}}, exit_code=3)\n"
        "print('wandb' in sys.modules, 'WANDB_SERVICE' in os.environ, 'WANDB_ERROR_REPORTING' in os.environ)",
        "offline",
        tmp_path,
    )
    assert done == (0, "False False False\n", "")
    first, second = recorded(tmp_path / "first"), recorded(tmp_path / "second")
    assert first["run"]["run_id"] == "a"
    assert first["run"]["display_name"] == "thrm-lambda5-s0"
    assert first["run"]["run_group"] == "a-sweep"
    assert first["run"]["job_type"] == "train"
    assert first["run"]["project"] == "hypo"
    assert first["run"]["tags"] == ["thrm", "digits"]
    assert first["run"]["config"]["update"]["epsilon"] == "8/255"
    assert first["run"]["config"]["update"]["dataset"] == {"name": "digits"}
    assert [row["epoch"] for row in first["history"]] == [1, 2, 3]
    assert {key: first["summary"][key] for key in SUMMARY} == SUMMARY
    assert first["exit"].get("exit_code", 0) == 0
    assert second["run"]["run_id"] == "b"
    assert [row["epoch"] for row in second["history"]] == [1, 2, 3, 4, 5]
    assert second["exit"]["exit_code"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.relative_to(tmp_path).parts[1] == "wandb" for path in files)
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def test_a_killed_process_leaves_every_record(tmp_path: Path) -> None:
    done = run_script("train('run', 'a', epochs=60); os.kill(os.getpid(), 9)", "offline", tmp_path)
    assert done[0] == -9
    for _ in range(100):
        time.sleep(0.2)
        if list(tmp_path.glob("run/wandb/*/*.wandb")) and recorded(tmp_path / "run")["exit"]:
            break
    record = recorded(tmp_path / "run")
    assert [row["epoch"] for row in record["history"]] == list(range(1, 61))
    assert record["exit"]["exit_code"] == 1


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_a_forked_worker_records_for_itself(tmp_path: Path) -> None:
    done = run_script(
        "import multiprocessing, hypo.tracking\n"
        "def work():\n    train('worker', 'b').finish({}); hypo.tracking.close()\n"
        "mirror = train('parent', 'a')\n"
        "worker = multiprocessing.get_context('fork').Process(target=work)\n"
        "worker.start(); worker.join(); mirror.log({'epoch': 4}); mirror.finish({})",
        "offline",
        tmp_path,
    )
    assert done == (0, "", "")
    assert len(recorded(tmp_path / "worker")["history"]) == 3
    assert len(recorded(tmp_path / "parent")["history"]) == 4


def test_online_delivers_and_resumes(tmp_path: Path) -> None:
    with WandbServer() as server:
        done = run_script("train('run', 'a', epochs=2)", "online", tmp_path, WANDB_BASE_URL=server.url)
        assert done == (0, "", "")
        run = server.runs["a"]
        assert (run.name, run.group, run.job_type) == ("thrm-lambda5-s0", "a-sweep", "train")
        assert run.tags == ["thrm", "digits"]
        assert run.config.items() >= {"dataset": {"name": "digits"}, "lambda": 5}.items()
        assert [(row["epoch"], row["loss"]) for row in run.history] == [(1, 1.0), (2, 0.5)]
        assert run.exit_code == 1
        script = f"train('run', 'a', epochs=4).finish({SUMMARY})"
        done = run_script(script, "online", tmp_path, WANDB_BASE_URL=server.url)
        assert done == (0, "", "")
        assert list(server.runs) == ["a"]
        assert run.starts == 2
        assert [row["epoch"] for row in run.history] == [1, 2, 3, 4]
        assert {key: run.summary[key] for key in SUMMARY} == SUMMARY
        assert run.exit_code == 0


@pytest.fixture(scope="module", autouse=True)
def out_of_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Two runs against each server that does not work, started before all tests since they mostly wait."""
    script = f"train('first', 'a').finish({SUMMARY})\ntrain('second', 'b').finish({SUMMARY})"

    def begin(fault: str, url: str) -> subprocess.Popen[str]:
        return begin_script(script, "online", tmp_path_factory.mktemp(fault), WANDB_BASE_URL=url)

    with WandbServer() as refusing, WandbServer() as failing, socket.create_server(("127.0.0.1", 0)) as silent:
        with WandbServer() as gone:
            pass
        refusing.status, failing.status = 401, 500
        processes = {
            "unreachable": begin("unreachable", gone.url),
            "silent": begin("silent", f"http://127.0.0.1:{silent.getsockname()[1]}"),
            "refusing": begin("refusing", refusing.url),
            "failing": begin("failing", failing.url),
        }
        yield processes
        for process in processes.values():
            process.kill()
            process.communicate()


@pytest.mark.parametrize("fault", ["unreachable", "silent", "refusing", "failing"])
def test_a_server_out_of_order_costs_one_warning(
    out_of_order: dict[str, subprocess.Popen[str]], tmp_path_factory: pytest.TempPathFactory, fault: str
) -> None:
    process = out_of_order[fault]
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "")
    assert errors.startswith("WARNING W&B: ")
    assert errors.count("\n") == 1
    for name in ("first", "second"):
        record = recorded(tmp_path_factory.getbasetemp() / f"{fault}0" / name)
        assert [row["epoch"] for row in record["history"]] == [1, 2, 3]
        assert {key: record["summary"][key] for key in SUMMARY} == SUMMARY


def test_a_server_that_dies_in_the_middle_costs_one_warning(
    tmp_path: Path, here: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with WandbServer() as server:
        here.setenv("WANDB_BASE_URL", server.url)
        mirror = start(tmp_path / "first", "online")
        mirror.log({"epoch": 1})
        for _ in range(300):
            if "abc" in server.runs:
                break
            time.sleep(0.1)
        assert server.runs["abc"].exit_code is None
        server.die()
    began = time.monotonic()
    mirror.log({"epoch": 2})
    mirror.finish(SUMMARY)
    later = start(tmp_path / "second", "online")
    later.log({"epoch": 1})
    later.finish({})
    assert time.monotonic() - began < 5
    tracking.close()
    assert time.monotonic() - began < 60
    assert len(warnings(caplog)) == 1
    assert "offline from here on" in warnings(caplog)[0]
    record = recorded(tmp_path / "first")
    assert [row["epoch"] for row in record["history"]] == [1, 2]
    assert {key: record["summary"][key] for key in SUMMARY} == SUMMARY
    assert [row["epoch"] for row in recorded(tmp_path / "second")["history"]] == [1]


@pytest.mark.parametrize(
    ("child", "warning"),
    [
        (None, "did not start"),
        ("exit 1", "its process died"),
        ("exec sleep 60", "still busy"),
        ("kill -9 $$", "its process died"),
    ],
)
def test_a_broken_child_costs_one_warning(
    tmp_path: Path,
    here: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    child: str | None,
    warning: str,
) -> None:
    python = tmp_path / "python"
    if child is not None:
        python.write_text(f"#!/bin/sh\n{child}\n")
        python.chmod(0o755)
    here.setattr(sys, "executable", str(python))
    here.setattr(tracking, "PATIENCE", 0.5)
    mirror = start(tmp_path / "run", "offline")
    for epoch in range(5000):  # more than a pipe holds
        mirror.log({"epoch": epoch, "loss": 0.5})
    mirror.finish(SUMMARY)
    tracking.close()
    assert len(warnings(caplog)) == 1
    assert warning in warnings(caplog)[0]


def test_a_slow_server_delays_nothing_and_gets_everything(tmp_path: Path) -> None:
    with WandbServer() as server:
        server.delay = 0.7
        script = f"mirror = train('run', 'a', epochs=30); print('trained', flush=True); mirror.finish({SUMMARY})"
        done = run_script(script, "online", tmp_path, WANDB_BASE_URL=server.url)
        assert done == (0, "trained\n", "")
        assert [row["epoch"] for row in server.runs["a"].history] == list(range(1, 31))
        assert server.runs["a"].exit_code == 0


def test_starting_online_is_given_up_after_fifteen_seconds_at_most() -> None:
    assert PROBE_SECONDS + INIT_SECONDS <= 15


def test_results_come_with_pictures_and_the_margins_of_examples(tmp_path: Path) -> None:
    clean = torch.full((1, 4, 4), 0.2)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "hidden.png").write_bytes(sheet([Example(clean, clean + 0.1, "3", "8", "3")]))
    table = {"correct": [True, False, False], "hyp": [True, True, False], "margin": [1.5, -0.5, -2.0]}
    pandas.DataFrame(table).to_parquet(tmp_path / "run" / "examples.parquet")
    with WandbServer() as server:
        done = run_script(f"train('run', 'a').finish({SUMMARY})", "online", tmp_path, WANDB_BASE_URL=server.url)
        assert done == (0, "", "")
        run = server.runs["a"]
        assert len(run.media) == 1
        examples = run.summary["examples"]
        assert examples["hidden"]["path"] == run.media[0]
        for name, margin in (("correct", 1.5), ("hidden_mistakes", -0.5), ("other_mistakes", -2.0)):
            histogram = examples[f"margin_of_{name}"]
            assert sum(histogram["values"]) == 1
            assert histogram["bins"][0] <= margin <= histogram["bins"][-1]


def test_pictures_that_cannot_be_read_cost_one_warning(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "examples.parquet").write_text("no parquet")
    code, _, errors = run_script(f"train('run', 'a').finish({SUMMARY})", "offline", tmp_path)
    assert code == 0
    assert errors.count("\n") == 1
    assert "recording the results of" in errors
    assert recorded(tmp_path / "run")["exit"].get("exit_code", 0) == 0


def test_a_disk_that_fills_up_costs_one_warning(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(tmp_path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs to be root to mount a small disk")
    try:
        done = run_script(f"train('run', 'a', epochs=3000).finish({SUMMARY})", "offline", tmp_path)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)
    assert done[:2] == (0, "")
    assert done[2].startswith("WARNING W&B: the disk is full")
    assert done[2].count("\n") == 1


def test_a_full_disk_is_reported_and_nothing_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = SimpleNamespace(log=full, finish=full, summary={}, define_metric=lambda *_, **__: None)
    fake = SimpleNamespace(init=lambda **_: run, Settings=lambda **_: None)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    faults: list[str] = []
    recorder = Recorder(faults.append)
    begin = {"id": "a", "name": "a", "group": None, "tags": [], "config": {}, "project": "p", "entity": None}
    directory = str(tmp_path)
    recorder.handle({"run": directory, "start": {"online": False, **begin}})
    assert faults == []
    recorder.handle({"run": directory, "log": {"epoch": 1}})
    recorder.handle({"run": directory, "finish": {"summary": {}, "exit_code": 0}})
    fake.init = full
    recorder.handle({"run": directory, "start": {"online": False, **begin}})
    recorder.handle({"run": directory, "log": {"epoch": 1}})
    assert len(faults) == 3
    assert all("No space left" in fault for fault in faults)


def test_a_directory_that_cannot_be_written_costs_one_warning(
    tmp_path: Path, here: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "wandb").write_text("a file where the folder would be")
    mirror = start(tmp_path / "run", "offline")
    mirror.log({"epoch": 1})
    mirror.finish({})
    tracking.close()
    assert len(warnings(caplog)) == 1
    assert "File exists" in warnings(caplog)[0]
