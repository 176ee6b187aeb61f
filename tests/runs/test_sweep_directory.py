"""What a sweep leaves on disk: which runs belong together, and what each was planned to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hypo.runs import sweep as sweep_directory
from hypo.settings.errors import InputError


def record(name: str, **config: Any) -> dict[str, Any]:
    return {"directory": name, "config": {"schema": 2, **config}, "command": f"python -m hypo.run {name}"}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return tmp_path / "outputs" / "sweeps" / "0123456789ab"


def test_a_sweep_is_read_as_it_was_written(sweep: Path) -> None:
    runs = [record("b-1", epsilon="8/255"), record("a-2", root="/däta\nset")]
    first = record("crafting-3")
    sweep_directory.write(sweep, "python -m hypo.run -m lambda=0,1", runs, prerequisites=[first])
    assert sweep_directory.read(sweep) == {
        "schema": 2,
        "sweep_id": "0123456789ab",
        "command": "python -m hypo.run -m lambda=0,1",
        "runs": ["b-1", "a-2"],
    }
    planned = sweep_directory.records(sweep)
    assert list(planned) == ["crafting-3", "b-1", "a-2"]
    assert list(planned.values()) == [first, *runs]
    assert len((sweep / "runs.jsonl").read_text().splitlines()) == 3


def test_planned_runs_have_a_place_and_no_directories(sweep: Path) -> None:
    sweep_directory.write(sweep, "command", [record(f"run-{number}") for number in range(100)])
    assert sorted(path.name for path in sweep.iterdir()) == ["runs.jsonl", "sweep.json"]
    assert list((sweep.parent.parent / "runs").iterdir()) == []


def test_the_same_sweep_again_replaces_what_it_said(sweep: Path) -> None:
    sweep_directory.write(sweep, "first", [record("a-1"), record("b-2")])
    sweep_directory.write(sweep, "second", [record("b-2")])
    assert sweep_directory.read(sweep)["command"] == "second"
    assert list(sweep_directory.records(sweep)) == sweep_directory.read(sweep)["runs"] == ["b-2"]


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("no folder")
    sweep = tmp_path / "outputs" / "sweeps" / "id"
    with pytest.raises(InputError, match=rf"^output_dir: cannot write {sweep}: Not a directory$"):
        sweep_directory.write(sweep, "command", [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "sweep.json is unreadable: .*No such file"),
        (b"{", "sweep.json is unreadable: "),
        (b"[]", "sweep.json is unreadable: "),
        (b"\xff", "sweep.json is unreadable: "),
        (b'{"schema": 2}', "sweep.json is unreadable: 'runs'"),
        (b'{"schema": 2, "runs": [1]}', "sweep.json is unreadable: "),
        (b'{"schema": 3, "runs": []}', r"sweep.json was written with schema 3, this version reads 2$"),
    ],
)
def test_a_sweep_that_cannot_be_read_is_refused(sweep: Path, content: bytes | None, problem: str) -> None:
    sweep.mkdir(parents=True)
    if content is not None:
        (sweep / "sweep.json").write_bytes(content)
    with pytest.raises(InputError, match=problem) as error:
        sweep_directory.read(sweep)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        "{}",
        '{"directory": "c-3"}',
        '{"directory": "c-3", "config": {}}',
        '{"directory": "c-3", "config": [], "command": ""}',
        '{"directory": 3, "config": {}, "command": ""}',
        100_000 * "[",
    ],
)
def test_a_broken_list_of_runs_is_as_none(sweep: Path, line: str) -> None:
    sweep_directory.write(sweep, "command", [record("a-1")])
    with (sweep / "runs.jsonl").open("a") as file:
        file.write(line + "\n")
    assert sweep_directory.records(sweep) == {}
    assert sweep_directory.read(sweep)["runs"] == ["a-1"]
    (sweep / "runs.jsonl").unlink()
    assert sweep_directory.records(sweep) == {}


def test_a_name_from_a_file_leads_nowhere_else(sweep: Path) -> None:
    """Outputs may come from other people."""
    sweep_directory.write(sweep, "command", [record("../../elsewhere/run-1"), record("/etc/run-2")])
    assert sweep_directory.read(sweep)["runs"] == list(sweep_directory.records(sweep)) == ["run-1", "run-2"]


def test_items_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    sweep_directory.write_records(path, [1, {"b": [2]}, "three\nlines"])
    assert list(sweep_directory.read_records(path)) == [1, {"b": [2]}, "three\nlines"]
    path.write_text(json.dumps("first") + "\n{broken\n")
    items = sweep_directory.read_records(path)
    assert next(items) == "first"
    with pytest.raises(ValueError, match="Expecting property name"):
        next(items)
