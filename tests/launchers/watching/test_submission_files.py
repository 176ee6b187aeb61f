"""What was handed to Slurm, on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from launchers.watching import submission
from launchers.watching.submission import Array, Submission


def a_submission(folder: Path, *arrays: Array, **changes: Any) -> Submission:
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "logs": folder / "logs",
        "created_at": "2026-01-01T00:00:00+00:00",
        "max_attempts": 10,
        "max_num_timeout": None,
        **changes,
    }
    written = Submission(folder, arrays=arrays, **about)
    written.write()
    return written


ONE = Array("hypo-1a2b3c-0", "17", (("a", "b"), ("c",)), ())
OTHER = Array("hypo-1a2b3c-1", None, (("d",),), ("a",))


def test_a_submission_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = a_submission(tmp_path, ONE, OTHER, max_num_timeout=0)
    back = submission.read(tmp_path)
    assert (back.folder, back.logs, back.created_at) == (written.folder, written.logs, written.created_at)
    assert (back.max_attempts, back.max_num_timeout) == (10, 0)
    assert [(array.name, array.job) for array in back.arrays] == [("hypo-1a2b3c-0", "17"), ("hypo-1a2b3c-1", None)]
    assert [list(map(list, array.tasks)) for array in back.arrays] == [[["a", "b"], ["c"]], [["d"]]]
    assert [list(array.needs) for array in back.arrays] == [[], ["a"]]


def test_a_submission_is_read_where_it_lies_now(tmp_path: Path) -> None:
    a_submission(tmp_path / "here", ONE)
    (tmp_path / "here").rename(tmp_path / "there")
    assert submission.read(tmp_path / "there").folder == tmp_path / "there"


def test_the_log_of_a_task_has_the_name_that_slurm_gives_it(tmp_path: Path) -> None:
    written = a_submission(tmp_path, ONE, OTHER)
    assert written.log(ONE, 1) == tmp_path / "logs" / "17_1_0_log.out"
    assert written.log(OTHER, 0) is None


def test_a_task_is_given_its_own_runs(tmp_path: Path) -> None:
    tasks = [[{"record": {"directory": "ä"}}, {"record": {"directory": "b"}}], [{"record": {"directory": "c"}}]]
    submission.write_tasks(tmp_path, 3, tasks)
    assert [submission.read_task(tmp_path, 3, index) for index in range(2)] == tasks


def test_submissions_of_all_sweeps_are_found_the_oldest_first(tmp_path: Path) -> None:
    for sweep, name in (("b", "20260101-120000-aaaaaa"), ("a", "20260102-120000-bbbbbb"), ("b", "20260103-1-c")):
        a_submission(tmp_path / "sweeps" / sweep / "submissions" / name)
    names = [found.folder.name for found in submission.submissions(tmp_path)]
    assert names == ["20260101-120000-aaaaaa", "20260102-120000-bbbbbb", "20260103-1-c"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"arrays": [{"name": "x"}]}', '{"arrays": 3}'])
def test_a_broken_record_hides_no_other(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "sweeps" / "a" / "submissions"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "submission.json").write_text(content)
    a_submission(folder / "2", ONE)
    assert [found.folder.name for found in submission.submissions(tmp_path)] == ["2"]
