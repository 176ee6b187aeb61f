"""What is kept of a measurement is whole or not there, and no other measurement's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hypo.measurements.finding import Finding
from hypo.runs.directory import RunDirectory
from hypo.runs.kept_files import KeptFiles
from hypo.settings.errors import LockedError

ARRAYS = {"found": np.array([True, False, True]), "radii": np.array([[0.5, np.nan]], dtype=np.float32)}


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return RunDirectory(tmp_path)


def kept(directory: RunDirectory, seed: int = 0, of: str = "evaluation") -> KeptFiles:
    return directory.kept(of, {"seed": seed, "steps": [1, 2.5]}, ["model.safetensors"])


def test_what_was_put_is_there_as_it_was_for_the_next_attempt(directory: RunDirectory) -> None:
    assert kept(directory).get("first") is None
    kept(directory).put("first", ARRAYS)
    found = kept(directory).get("first")
    assert found is not None
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    kept(directory).put("first", {"found": np.array([7])})
    again = kept(directory).get("first")
    assert again is not None
    assert {name: array.tolist() for name, array in again.items()} == {"found": [7]}


def test_other_settings_and_other_models_have_nothing(directory: RunDirectory) -> None:
    kept(directory).put("first", ARRAYS)
    assert kept(directory, seed=1).get("first") is None
    assert kept(directory, of="measurement.radius").get("first") is None
    (directory.path / "model.safetensors").write_bytes(b"other weights")
    assert kept(directory).get("first") is None
    (directory.path / "model.safetensors").write_bytes(b"weights")
    assert kept(directory).get("first") is not None


def test_a_file_that_is_cut_off_anywhere_or_damaged_is_not_there(directory: RunDirectory) -> None:
    kept(directory).put("first", {"found": np.arange(100)})
    (path,) = directory.path.glob("kept/evaluation/*.npz")
    whole = path.read_bytes()
    for length in range(0, len(whole), 40):
        path.write_bytes(whole[:length])
        assert kept(directory).get("first") is None, length
    at = whole.index(np.arange(100).tobytes()) + 17
    path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    assert kept(directory).get("first") is None
    np.savez(path, found=np.arange(100))  # by somebody else
    assert kept(directory).get("first") is None
    path.write_bytes(whole)
    assert kept(directory).get("first") is not None


def test_it_goes_with_the_finding_that_it_was_for(directory: RunDirectory) -> None:
    for of in ("measurement.radius", "measurement.other"):
        kept(directory, of=of).put("first", ARRAYS)
    (directory.path / "result.json").write_text(
        '{"schema": 2, "run_id": "", "n": 0, "D": null, "counts": {}, "intervals": {}, "findings": {}}'
    )
    directory.add_finding("radius", {}, Finding("Radius"))
    assert kept(directory, of="measurement.radius").get("first") is None
    assert kept(directory, of="measurement.other").get("first") is not None
    directory.add_finding("other", {}, Finding("Other"))
    assert not (directory.path / "kept").exists()


def test_nobody_who_was_fenced_off_puts_anything_and_what_a_killed_process_began_goes(
    directory: RunDirectory,
) -> None:
    with directory.lock():
        parts = kept(directory)
        parts.put("first", ARRAYS)
        (directory.path / ".lock").write_text('{"token": "of a newer attempt"}')
        with pytest.raises(LockedError):
            parts.put("second", ARRAYS)
    (directory.path / "kept/evaluation/.second.npz.host.7").write_bytes(b"half")
    with directory.lock():
        assert [path.name for path in directory.path.glob("kept/evaluation/*")] == ["first.npz"]
