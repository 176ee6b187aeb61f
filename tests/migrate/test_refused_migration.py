"""What a migration does not touch."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from compared_outputs import files

from hypo.migrate.__main__ import main
from hypo.runs.lock import Lock


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line with which a command was refused."""
    capsys.readouterr()
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    return err


def test_a_folder_that_is_no_outputs_folder(tmp_path: Path, old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path / "none", tmp_path, old / "runs", old / "sweeps"):
        said = refusal(capsys, str(folder))
        assert said == f"python -m hypo.migrate: {folder}: is no outputs folder, it has no folder runs in it\n"


@pytest.mark.parametrize("place", ["run", "sweep", "training"])
def test_while_something_runs_nothing_is_touched(
    old: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    lock = {
        "run": next((old / "runs").glob("digits-naive*")) / ".lock",
        "sweep": next((old / "sweeps").iterdir()) / ".at_work",
        "training": next((old / "trained").glob("*.json")).with_name(".0123456789ab.json.lock"),
    }[place]
    before = files(old)
    with Lock(lock):
        said = refusal(capsys, str(old))
    assert f"{lock}: is held by process " in said
    assert said.endswith("migrate when nothing runs or is queued\n")
    assert files(old) == before
    assert main([str(old)]) == 0


def test_a_run_on_another_machine_whose_lock_cannot_be_seen(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = next((old / "runs").glob("digits-naive*"))
    status = json.loads((run / "status.json").read_text()) | {"state": "running", "host": "elsewhere"}
    (run / "status.json").write_text(json.dumps(status))
    (run / ".lock").write_text(json.dumps({"pid": 7, "host": "elsewhere"}))
    assert "is held by process 7 on elsewhere" in refusal(capsys, str(old))
    (run / "status.json").write_text(json.dumps({**status, "host": socket.gethostname()}))
    assert main([str(old)]) == 0  # here it would be seen: that one was killed a moment ago


def test_a_dry_run_says_what_would_be_done(old: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(old)
    assert main([str(old), "--dry-run"]) == 0
    *lines, summary = capsys.readouterr().out.splitlines()
    assert files(old) == before
    assert summary == (
        "6 runs: 6 renamed, and 4 trainings, 1 crafted set, 1 sweep; nothing was changed (--dry-run)"
    )
    named = dict(line.split(" -> ") for line in lines)
    runs = {name: now for name, now in named.items() if "/" not in name}
    assert set(runs) == {path.name for path in (old / "runs").iterdir()}
    assert set(runs.values()) == {path.name for path in (made / "runs").iterdir()}
    assert len(named) == 7


BROKEN = {
    "config.yaml": {
        None: "is no run directory, it has no config.yaml",
        "schema: 1\nname: 'x": "config.yaml cannot be read: ",
        "": "config.yaml cannot be read: it holds no settings",
        "schema: 3\n": "has schema version 3, this version of hypo reads 2",
        "schema: 1\n": "the settings cannot be taken over: it has no 'dataset'",
    },
    "result.json": {
        '{"schema": 1': "result.json cannot be taken over: ",
        '{"schema": 1}': "result.json cannot be taken over: it has no 'counts'",
    },
    "status.json": {"{": "status.json cannot be taken over: "},
    "examples.parquet": {"PAR1": "examples.parquet cannot be taken over: "},
    "checkpoint.pt": {"half": "checkpoint.pt cannot be taken over: "},
}
"""What a file may hold, None for no file, and what is said of it."""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [(name, content, said) for name, contents in BROKEN.items() for content, said in contents.items()],
)
def test_what_is_broken_is_left_alone_and_the_rest_is_done(
    old: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, said: str
) -> None:
    run = next((old / "runs").glob("digits-naive*"))
    if content is None:
        (run / name).unlink()
    else:
        (run / name).write_text(content)
    before = files(run)
    assert main([str(old)]) == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"left: {run}: {said}")
    assert err.count("\n") == 1
    assert out == "6 runs: 5 renamed, 1 left, and 4 trainings, 1 crafted set, 1 sweep\n"
    assert files(run) == before
    assert main([str(old)]) == 1
    assert capsys.readouterr().out == "6 runs: 0 renamed, 5 up to date already, 1 left\n"


def test_what_lies_beside_the_runs_may_be_broken_too(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (crafted,) = (old / "crafted").iterdir()
    crafted.write_bytes(b"half")
    (sweep,) = (old / "sweeps").iterdir()
    (sweep / "runs.jsonl").write_text("{")
    pointer = next((old / "trained").glob("*.json"))
    pointer.write_text("{")
    assert main([str(old)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("6 runs: 6 renamed, and ")
    assert f"left: {crafted}: cannot be read; delete it, and it is made anew\n" in err
    assert f"left: {sweep}: cannot be taken over: " in err
    assert err.count("\n") == 2


def test_images_whose_crafter_is_gone_stay(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(old / "trained")
    shutil.rmtree(old / "sweeps")
    shutil.rmtree(next((old / "runs").glob("digits-mlp-standard*")))
    (crafted,) = (old / "crafted").iterdir()
    assert main([str(old)]) == 1
    assert capsys.readouterr().err == f"left: {crafted}: the run is not there on whose model it was crafted\n"
    assert crafted.exists()


def test_the_command_as_it_is_typed(old: Path) -> None:
    command = [sys.executable, "-m", "hypo.migrate", str(old)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("6 runs: 6 renamed")
