"""What a run says of itself on disk, read and written without what it trains with."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from hypo.runs import status as run_status
from hypo.runs.outcome import CAUSES, Outcome
from hypo.settings.errors import InputError

CONFIG = {"schema": 2, "run_id": "0123456789ab", "lambda": "1/2", "arch": {"name": "mlp", "hidden": [8, 8]}}


def test_a_run_that_is_created_is_queued(tmp_path: Path) -> None:
    run_status.create(tmp_path / "runs" / "run", CONFIG, "python -m hypo.run lambda=1/2")
    directory = tmp_path / "runs" / "run"
    assert sorted(path.name for path in directory.iterdir()) == ["config.yaml", "status.json"]
    assert yaml.safe_load((directory / "config.yaml").read_text()) == CONFIG
    status = run_status.read(directory)
    assert (status["state"], status["reason"], status["schema"]) == ("queued", None, 2)
    assert status["command"] == "python -m hypo.run lambda=1/2"
    assert status["queued_at"] == status["updated_at"]


def test_creating_again_changes_nothing_but_what_is_missing(tmp_path: Path) -> None:
    run_status.create(tmp_path, CONFIG, "first")
    run_status.update(tmp_path, {"state": "running"})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    run_status.create(tmp_path, {"schema": 2}, "second")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "status.json").unlink()
    run_status.create(tmp_path, {"schema": 2}, "second")
    assert run_status.read(tmp_path)["command"] == "second"
    assert (tmp_path / "config.yaml").read_bytes() == before["config.yaml"]


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=rf"^output_dir: cannot write {tmp_path}/file/run: Not a directory$"):
        run_status.create(tmp_path / "file" / "run", CONFIG, "command")


def test_a_change_leaves_the_other_entries_alone(tmp_path: Path) -> None:
    run_status.update(tmp_path, {"state": "running", "epoch": 1})
    run_status.update(tmp_path, {"epoch": 2, "host": "nöde"})
    status = run_status.read(tmp_path)
    updated_at = datetime.fromisoformat(status.pop("updated_at"))
    assert status == {"schema": 2, "state": "running", "epoch": 2, "host": "nöde"}
    assert updated_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("content", [None, b"", b"[1]", b'{"state":', b"\xff\xfe", b"null"])
def test_a_status_that_cannot_be_read_is_empty_and_begun_anew(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "status.json").write_bytes(content)
    assert run_status.read(tmp_path) == {}
    run_status.update(tmp_path, {"state": "running"})
    assert run_status.read(tmp_path)["state"] == "running"


def test_what_may_not_be_written_is_not(tmp_path: Path) -> None:
    def refuse() -> None:
        raise ZeroDivisionError

    run_status.create(tmp_path, CONFIG, "command")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ZeroDivisionError):
        run_status.update(tmp_path, {"state": "done"}, refuse)
    with pytest.raises(ZeroDivisionError):
        run_status.write_config(tmp_path, {"schema": 2}, refuse)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_end_of_an_attempt_closes_the_last_entry_alone(tmp_path: Path) -> None:
    first = {"pid": 1, "ended_at": "earlier", "outcome": "interrupted", "cause": "preempted", "reason": "made way"}
    run_status.update(tmp_path, {"state": "running", "attempts": [first, {"pid": 2, "started_at": "now"}]})
    changes = run_status.ended(tmp_path, Outcome("failed", "it broke", "error"))
    assert (changes["state"], changes["reason"], changes["cause"]) == ("failed", "it broke", "error")
    assert changes["attempts"][0] == first
    closed = dict(changes["attempts"][1])
    assert closed.pop("ended_at") <= changes["finished_at"]
    assert closed == {"pid": 2, "started_at": "now", "outcome": "failed", "cause": "error", "reason": "it broke"}
    run_status.update(tmp_path, changes)
    again = run_status.ended(tmp_path, Outcome("interrupted", "too late", "killed"))
    assert again["attempts"] == run_status.read(tmp_path)["attempts"]


def test_a_run_that_never_began_can_end_all_the_same(tmp_path: Path) -> None:
    changes = run_status.ended(tmp_path, Outcome("failed", "nowhere to be found", "bad data"))
    assert (changes["state"], changes["attempts"], changes["log"]) == ("failed", [], [])


def test_the_log_is_kept_for_what_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("".join(f"line {number}\n" for number in range(30)))
    for state in ("failed", "interrupted"):
        log = run_status.ended(tmp_path, Outcome(state, "why", CAUSES[0]))["log"]
        assert log == [f"line {number}" for number in range(10, 30)]
    assert run_status.ended(tmp_path, Outcome("done"))["log"] == []


def test_the_end_of_a_log_is_short_whatever_is_in_it(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    assert run_status.last_lines(log) == []
    log.write_text("")
    assert run_status.last_lines(log) == []
    log.write_bytes(b"no end of line \xff")
    assert run_status.last_lines(log) == ["no end of line \N{REPLACEMENT CHARACTER}"]
    log.write_text("x" * 10**6 + "\nlast\n")
    (long, last) = run_status.last_lines(log)
    assert last == "last"
    assert len(long) < 10_000


def test_json_has_null_where_there_is_no_number() -> None:
    content = {"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": (float("-inf"),)}, "e": "ü"}
    assert json.loads(run_status.to_json(content)) == {"a": None, "b": [None, 1.5], "c": {"d": [None]}, "e": "ü"}


def test_whoever_watches_runs_does_not_load_what_they_train_with() -> None:
    code = "import sys, hypo.runs.status, hypo.runs.sweep, hypo.runs.lock; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_runs_of_an_earlier_version_are_told_of_with_the_command_that_helps(
    tmp_path: Path,
) -> None:
    runs = tmp_path / "outputs" / "runs"
    assert run_status.of_earlier_version(runs) == ""
    for name, first in (("broken", "\0"), ("new", "schema: 2\n"), ("older", "schema: 12\n"), ("empty", "")):
        (runs / name).mkdir(parents=True)
        (runs / name / "config.yaml").write_text(first)
    (runs / "file").write_text("schema: 1\n")
    assert run_status.of_earlier_version(runs) == ""
    (runs / "old").mkdir()
    (runs / "old" / "config.yaml").write_text("schema: 1\nrun_id: abc\n")
    line = run_status.of_earlier_version(runs)
    assert line.startswith(f"{runs} has runs of an earlier version")
    assert f"python -m hypo.migrate {tmp_path / 'outputs'} brings them" in line
