"""What is remembered is what was read, until something changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from fake_runs import MakeRun
from pandas.testing import assert_frame_equal

from analysis.reading import collect as reader
from analysis.reading import row_cache
from analysis.reading.collect import collect
from analysis.reading.row_cache import NAME


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the run directories that were read, one after the other."""
    names: list[str] = []
    original = reader._read_run

    def noting(directory: Path, planned: reader.Record) -> dict:
        names.append(directory.name)
        return original(directory, planned)

    monkeypatch.setattr(reader, "_read_run", noting)
    return names


def test_finished_runs_are_read_once_and_give_the_same_rows(
    outputs: Path, make_run: MakeRun, read: list[str]
) -> None:
    make_run(outputs, seed=0, R_hyp_minus=None)
    make_run(outputs, "standard", None, seed=1)
    unfinished = make_run(outputs, seed=2, state="failed")
    first = collect(outputs)
    assert len(read) == 3
    read.clear()
    assert_frame_equal(collect(outputs), first)
    assert read == [unfinished.name]


@pytest.mark.parametrize("name", ["config.yaml", "status.json", "result.json"])
def test_a_changed_file_is_read_again(outputs: Path, make_run: MakeRun, read: list[str], name: str) -> None:
    changed, kept = make_run(outputs, seed=0), make_run(outputs, seed=1)
    collect(outputs)
    path = changed / name
    path.write_text(path.read_text().replace("0.5", "0.25") + "\n")
    read.clear()
    again = collect(outputs)
    assert read == [changed.name]
    if name == "result.json":
        by_name = again.set_index("name")["D"]
        assert by_name.tolist().count(0.25) == 1
    assert kept.exists()


def test_a_change_that_keeps_the_size_is_seen_by_its_time(
    outputs: Path, make_run: MakeRun, read: list[str]
) -> None:
    run = make_run(outputs)
    collect(outputs)
    path = run / "result.json"
    before = path.stat()
    path.write_text(path.read_text().replace("0.51", "0.61"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert path.stat().st_size == before.st_size
    assert collect(outputs)["D_upper"].tolist() == [0.61]


def test_a_run_that_is_gone_leaves_no_row(outputs: Path, make_run: MakeRun) -> None:
    gone, kept = make_run(outputs, seed=0), make_run(outputs, seed=1)
    collect(outputs)
    for path in gone.iterdir():
        path.unlink()
    gone.rmdir()
    assert collect(outputs)["run_id"].tolist() == [kept.name.rpartition("-")[2]]


def test_outputs_that_were_moved_have_rows_with_their_new_place(
    outputs: Path, make_run: MakeRun, read: list[str]
) -> None:
    run = make_run(outputs)
    collect(outputs)
    moved = outputs.rename(outputs.parent / "elsewhere")
    read.clear()
    assert collect(moved)["directory"].tolist() == [str(moved / "runs" / run.name)]
    assert read == []


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"rows": 3}', '{"readers": "x", "rows": {}}', "\x00"])
def test_a_cache_that_is_no_cache_is_replaced(
    outputs: Path, make_run: MakeRun, read: list[str], content: str
) -> None:
    make_run(outputs)
    expected = collect(outputs)
    (outputs / NAME).write_text(content)
    assert_frame_equal(collect(outputs), expected)
    assert len(read) == 2
    assert_frame_equal(collect(outputs), expected)
    assert len(read) == 2


def test_entries_of_another_shape_are_no_rows(outputs: Path, make_run: MakeRun) -> None:
    run = make_run(outputs)
    expected = collect(outputs)
    content = json.loads((outputs / NAME).read_text())
    for broken in (None, [], [1, 2, 3], [None, None], [[1], 3]):
        content["rows"][run.name] = broken
        (outputs / NAME).write_text(json.dumps(content))
        assert_frame_equal(collect(outputs), expected)


def test_other_code_reads_anew(
    outputs: Path, make_run: MakeRun, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(outputs)
    collect(outputs)
    monkeypatch.setattr(row_cache, "_readers", lambda: "another version")
    collect(outputs)
    assert len(read) == 2


def test_where_nothing_can_be_written_runs_are_read(
    outputs: Path, make_run: MakeRun, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(row_cache, "write_atomically", full)
    make_run(outputs)
    for _ in range(2):
        assert len(collect(outputs)) == 1
    assert len(read) == 2


def test_a_single_copied_run_gets_no_file_beside_it(outputs: Path, make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(outputs).rename(tmp_path / "copied")
    collect(run)
    assert not list(tmp_path.rglob(NAME))
