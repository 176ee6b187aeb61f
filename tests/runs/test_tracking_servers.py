"""No fault of a W&B server reaches a run: each costs one warning, and a slow one nothing."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracked_processes import SUMMARY, begin_script, recorded, run_script, start, warnings
from wandb_server import WandbServer

from hypo.runs import tracking
from hypo.runs.wandb_process import PROBE_SECONDS
from hypo.runs.wandb_run import INIT_SECONDS

pytestmark = pytest.mark.slow


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
