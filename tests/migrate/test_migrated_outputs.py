"""Outputs of schema 1, brought up to date, are what this version leaves of the same runs, and are gone on from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import composing
import pandas
import pytest
from aged_outputs import aged
from compared_outputs import contents
from small_jobs import Silent
from small_outputs import RUNS, SMALL, finished

from analysis.reading.collect import collect
from hypo.jobs.attempt import attempt
from hypo.migrate.__main__ import main
from hypo.runs.outcome import Outcome
from launchers.watching.moment import planned_sweep
from launchers.watching.sightings import sightings


class Watching(Silent):
    """Notes the epochs, and presses Ctrl-C after one of them."""

    def __init__(self, stop_after: int = 0) -> None:
        self.epochs: list[float] = []
        self.stop_after = stop_after

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        self.epochs.append(row["epoch"])
        if row["epoch"] == self.stop_after:
            raise KeyboardInterrupt


def test_nothing_differs_from_what_this_version_makes(
    made: Path, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(old)]) == 0
    assert contents(old) == contents(made)
    assert capsys.readouterr().out == "6 runs: 6 renamed, and 4 trainings, 1 crafted set, 1 sweep\n"
    assert main([str(old)]) == 0
    assert capsys.readouterr().out == "6 runs, up to date: there is nothing to do\n"


@pytest.mark.parametrize("typed", RUNS)
def test_a_run_is_done_when_it_is_asked_for_again(old: Path, typed: tuple[str, ...]) -> None:
    main([str(old)])
    job = composing.job(*typed, *SMALL, f"output_dir={old}")
    for each in (*job.prerequisites, job):
        assert attempt(each, Silent()) == Outcome("done", trained=False)


def test_what_runs_share_is_shared_with_new_ones(old: Path) -> None:
    """Another evaluation takes the trained model, another defense the poisons."""
    main([str(old)])
    before = contents(old / "crafted"), contents(old / "trained")
    adopted = finished(old, "defense=thrm", "evaluation=cw100").directory
    assert adopted.status()["trained_in"].startswith("digits-mlp-thrm")
    poisoned = finished(old, "defense=thrm", "training_data=poisoning").directory
    assert "trained_in" not in poisoned.status()
    assert contents(old / "crafted") == before[0]
    assert contents(old / "trained").items() > before[1].items()


def test_a_run_keeps_what_it_was_called(old: Path) -> None:
    names = {path.name for path in (old / "runs").iterdir()}
    trainings = {path.stem for path in (old / "trained").glob("*.json")}
    main([str(old)])
    earlier = [json.loads(path.read_text())["migrated_from"] for path in old.glob("runs/*/status.json")]
    assert {each["run"] for each in earlier} == names
    assert {each["training_id"] for each in earlier} >= trainings
    assert {each["schema"] for each in earlier} == {1}


def test_a_sweep_is_watched_and_tabulated(old: Path) -> None:
    main([str(old)])
    (folder,) = (path for path in (old / "sweeps").iterdir())
    moment = planned_sweep(folder).now()
    assert [cell.state for cell in moment.cells.values()] == 4 * ["done"]
    assert list(collect(folder)["state"]) == 3 * ["done"]
    submitted = sightings(old, moment.cells, ask=False)
    assert len(submitted) == 3
    for sighting in submitted.values():
        assert sighting.submission.folder.is_relative_to(folder)
        assert set(sighting.needs) < set(moment.cells)


def test_an_unfinished_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    typed = ("defense=thrm", *SMALL, "recipe.epochs=4")
    whole = composing.job(*typed, f"output_dir={tmp_path / 'whole'}")
    attempt(whole, Silent())
    begun = composing.job(*typed, f"output_dir={tmp_path / 'begun'}")
    with pytest.raises(KeyboardInterrupt):
        attempt(begun, Watching(stop_after=2))
    aged(tmp_path / "begun")
    assert main([str(tmp_path / "begun")]) == 0
    watching = Watching()
    assert attempt(begun, watching) == Outcome("done")
    assert watching.epochs == [3, 4]
    for name in ("model.safetensors", "examples.parquet"):
        assert (begun.directory.path / name).read_bytes() == (whole.directory.path / name).read_bytes()
    assert [row["epoch"] for row in begun.directory.history()] == [1, 2, 3, 4]


def test_a_run_that_has_not_begun_is_begun_under_its_name_of_today(tmp_path: Path) -> None:
    job = composing.job("defense=thrm", *SMALL, f"output_dir={tmp_path}")
    job.create()
    queued = contents(tmp_path)
    aged(tmp_path)
    assert main([str(tmp_path)]) == 0
    assert contents(tmp_path) == queued


def test_a_directory_that_is_called_otherwise_keeps_its_name(old: Path) -> None:
    run = next((old / "runs").glob("digits-naive*"))
    shutil.copytree(run, old / "runs" / "mine")
    assert main([str(old)]) == 0
    assert (old / "runs" / "mine" / "result.json").exists()
    frame = collect(old)
    assert set(frame["state"]) == {"done"}
    assert len(frame) == 6  # the copy is the same run


def test_the_time_of_a_run_stays(old: Path) -> None:
    def times() -> list[int]:
        return sorted(path.stat().st_mtime_ns for path in old.glob("runs/*/*.json"))

    before = times()
    main([str(old)])
    assert times() == before


def test_what_was_not_measured_then_is_measured_when_it_is_asked_for(old: Path) -> None:
    """A picture that is gone is no picture of nothing."""
    for picture in old.glob("runs/*/hidden.png"):
        picture.unlink()
    main([str(old)])
    job = composing.job(*RUNS[0], *SMALL, f"output_dir={old}")
    assert pandas.read_parquet(job.directory.path / "examples.parquet").query("hyp and not correct").size
    assert job.directory.lacking(job.experiment.measurements) == ["pictures"]
    assert attempt(job, Silent()) == Outcome("done")
    assert job.directory.status()["epoch"] == 2
    assert (job.directory.path / "measurements/pictures/hidden.png").exists()
