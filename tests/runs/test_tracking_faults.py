"""No fault of W&B reaches a run: each costs one warning."""

from __future__ import annotations

import errno
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tracked_processes import KEY, SUMMARY, begin_script, recorded, run_script, start
from wandb_server import WandbServer

from hypo.runs import tracking
from hypo.runs.wandb_process import INIT_SECONDS, PROBE_SECONDS, Recorder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Tracking in this process, with a child of its own."""
    tracking.close()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    yield monkeypatch
    tracking.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


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
