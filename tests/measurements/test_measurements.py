"""Measurements beside the flags: what they find is described, and can be added to a finished run."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from small_jobs import THRM, Silent, job
from small_models import small_experiment

from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
from hypo.jobs.job import Job, from_record
from hypo.measurements.finding import Column, Curve, Finding, NamedShare, Number, Picture, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.risks import Share
from hypo.runs.directory import RunDirectory
from hypo.runs.loading import load_flags
from hypo.runs.outcome import Outcome
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Confidence:
    """Something of everything: how far the predictions lead."""

    above: float = 1.0
    called: str = "D_confident"

    def measure(self, subject: Subject) -> Finding:
        lead = subject.flags.lead
        n = len(lead)
        levels = (0.0, 0.5, 1.0)
        return Finding(
            "Confidence",
            shares={self.called: NamedShare(Share(int((lead > self.above).sum()), n), "that lead", "D")},
            curves=(
                Curve(
                    "leading",
                    "predictions that lead by more",
                    "lead",
                    tuple(Point(level, Share(int((lead > level).sum()), n)) for level in levels),
                    unit="logits",
                ),
            ),
            columns={"twice": Column(2 * lead, "twice the lead")},
            pictures={"nothing": Picture(b"a picture", "of nothing")},
            numbers={f"{self.called}_median": Number(float(np.median(lead)), "median lead", "m", "logits")},
        )


@dataclass(frozen=True)
class Refusing:
    """One that nothing can be measured with."""

    def measure(self, subject: Subject) -> Finding:
        raise InputError("data: has nothing to measure")


@dataclass(frozen=True)
class Beside:
    """How often another run's model agrees."""

    seed: int = 7

    def prerequisites(self, experiment: Experiment) -> Sequence[Experiment]:
        return (replace(experiment, seed=self.seed),)

    def measure(self, subject: Subject) -> Finding:
        (other,) = subject.models
        test = subject.data.test
        agreed = (
            other(test.images.float() / subject.data.maximum).argmax(1).numpy() == subject.flags.clean_prediction
        )
        share = Share(int(agreed.sum()), len(agreed))
        return Finding("Agreement", {"agreement": NamedShare(share, "predictions that another run shares")})


def measured(outputs: Path, **measurements: object) -> Job:
    return job(outputs, small_experiment(THRM, measurements=measurements))


def result(of: Job) -> dict[str, Any]:
    found = of.directory.result()
    assert found is not None
    return found


def test_what_is_found_stands_in_the_result_with_its_description(tmp_path: Path) -> None:
    run = measured(tmp_path, mine=Confidence())
    assert attempt(run, Silent()).state == "done"
    found, lead = result(run), load_flags(run.directory.path).lead
    count = int((lead > 1).sum())
    assert 0 < count < 60
    assert (found["D_confident"], found["counts"]["D_confident"]) == (count / 60, {"count": count, "of": 60})
    assert found["intervals"]["D_confident"] == list(Share(count, 60).interval or ())
    mine = found["findings"]["mine"]
    assert mine["settings"] == {
        "_target_": f"{__name__}.Confidence",
        "above": 1.0,
        "called": "D_confident",
    }
    assert (mine["title"], mine["shares"]["D_confident"]["symbol"]) == ("Confidence", "D")
    assert found["D_confident_median"] == float(np.median(lead))
    assert mine["numbers"] == {"D_confident_median": {"about": "median lead", "symbol": "m", "unit": "logits"}}
    (curve,) = mine["curves"]
    assert (curve["over"], curve["unit"]) == ("lead", "logits")
    assert [(point["at"], point["value"]) for point in curve["points"]] == [
        (level, (lead > level).mean()) for level in (0.0, 0.5, 1.0)
    ]
    folder = run.directory.path / "measurements" / "mine"
    assert mine["pictures"] == {"nothing": "of nothing"}
    assert (folder / "nothing.png").read_bytes() == b"a picture"
    columns = pandas.read_parquet(folder / "examples.parquet")
    assert list(columns) == ["example", *mine["columns"]] == ["example", "twice"]
    assert np.array_equal(columns["twice"], 2 * lead)


def test_one_can_be_added_to_a_finished_run_which_is_neither_trained_nor_attacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert attempt(measured(tmp_path), Silent()).state == "done"
    later = measured(tmp_path, mine=Confidence())
    before, flags = result(later), (later.directory.path / "examples.parquet").read_bytes()
    assert before["findings"] == {}

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it is there already")

    for what in ("training.train", "training.trained_once", "experiment.evaluate"):
        monkeypatch.setattr(f"hypo.jobs.{what}", never)
    assert not later.is_done
    assert attempt(later, Silent()) == Outcome("done")
    after = result(later)
    assert later.is_done
    assert after["findings"].keys() == {"mine"}
    for name, value in before.items():
        if name not in ("findings", "counts", "intervals"):
            assert after[name] == value
    assert (later.directory.path / "examples.parquet").read_bytes() == flags
    assert later.directory.config() == later.record["config"]
    assert attempt(later, Silent()).trained is False
    assert attempt(measured(tmp_path), Silent()).trained is False
    assert result(later) == after, "to ask for less takes nothing away"


def test_other_settings_are_measured_anew_and_take_the_place_of_the_old(tmp_path: Path) -> None:
    assert (
        attempt(measured(tmp_path, mine=Confidence(), other=Confidence(2.0, "second")), Silent()).state == "done"
    )
    again = measured(tmp_path, mine=Confidence(0.5, "D_somewhat"))
    assert attempt(again, Silent()).state == "done"
    found = result(again)
    assert found["findings"].keys() == {"mine", "other"}
    for part in (found, found["counts"], found["intervals"]):
        assert {"D_somewhat", "second"} <= part.keys()
        assert "D_confident" not in part
    assert {"D_somewhat_median", "second_median"} <= found.keys()
    assert "D_confident_median" not in found


def test_what_fails_costs_neither_the_flags_nor_what_was_measured_before(tmp_path: Path) -> None:
    run = measured(tmp_path, mine=Confidence(), broken=Refusing(), last=Confidence(called="last"))
    outcome = attempt(run, Silent())
    assert (outcome.state, outcome.reason) == ("failed", "measurement.broken: data: has nothing to measure")
    assert result(run)["findings"].keys() == {"mine"}
    assert not run.is_done
    assert attempt(measured(tmp_path, mine=Confidence()), Silent()).state == "done"


@pytest.mark.parametrize("name", ["D", "first"])
def test_two_shares_of_one_name_are_a_defect_that_is_named(tmp_path: Path, name: str) -> None:
    outcome = attempt(measured(tmp_path, one=Confidence(called="first"), two=Confidence(called=name)), Silent())
    assert outcome.state == "failed"
    assert f"result.json has a {name} already" in str(outcome.reason)


@pytest.mark.parametrize("name", ["seed", "lambda", "n", "run_id", "two words", "../up", "1st", ""])
def test_a_share_is_called_by_a_word_that_stands_for_nothing_else(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(name))):
        Finding("of mine", {name: NamedShare(Share(1, 2), "of two")})
    with pytest.raises(ValueError, match=re.escape(repr(name))):
        Finding("of mine", numbers={name: Number(1.0, "one")})


def test_a_share_and_a_number_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'half'"):
        Finding("of mine", {"half": NamedShare(Share(1, 2), "of two")}, numbers={"half": Number(0.5, "half")})


def test_a_run_id_does_not_hang_on_what_is_measured(tmp_path: Path) -> None:
    assert measured(tmp_path).run_id == measured(tmp_path, mine=Confidence()).run_id


def test_a_job_comes_back_from_its_record_with_its_measurements(tmp_path: Path) -> None:
    run = measured(tmp_path, mine=Confidence(0.25))
    back = from_record(json.loads(json.dumps(run.record)), run.runs)
    assert back.experiment.measurements == {"mine": Confidence(0.25)}
    assert back.record == run.record


def test_a_run_that_is_asked_for_twice_is_measured_for_both(tmp_path: Path) -> None:
    both = measured(tmp_path, one=Confidence()).measuring_too(measured(tmp_path, two=Confidence(called="two")))
    assert both.experiment.measurements.keys() == both.config["measurement"].keys() == {"one", "two"}
    with pytest.raises(InputError, match=r"^measurement\.one: takes the same settings"):
        both.measuring_too(measured(tmp_path, one=Confidence(3.0)))


def test_one_that_needs_another_run_gets_its_model(tmp_path: Path) -> None:
    run = measured(tmp_path, beside=Beside(), mine=Confidence())
    (needed,) = run.prerequisites
    assert (needed.experiment.seed, needed.experiment.measurements) == (7, {"mine": Confidence()})
    outcome = attempt(run, Silent())
    assert (outcome.cause, str(outcome.reason).startswith("measurement.beside: needs the model of ")) == (
        "prerequisite failed",
        True,
    )
    needed.create()
    assert attempt(needed, Silent()).state == "done"
    assert attempt(run, Silent()).state == "done"
    assert 0 < result(run)["agreement"] < 1
    assert attempt(
        job(tmp_path, small_experiment(THRM, measurements={"beside": Beside(seed=0)})), Silent()
    ).state == ("done")
    assert result(run)["agreement"] == 1, "a model agrees with itself"


def test_a_result_without_findings_is_broken(tmp_path: Path) -> None:
    run = measured(tmp_path)
    assert attempt(run, Silent()).state == "done"
    content = result(run)
    del content["findings"]
    (run.directory.path / "result.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="the result has no findings"):
        RunDirectory(run.directory.path).result()
