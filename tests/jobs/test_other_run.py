"""Another run, said by where it differs, or by its run directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_jobs import THRM, done, job
from small_models import small_experiment

from hypo.architectures.mlp import Mlp
from hypo.architectures.saved import Saved
from hypo.attacks.threat_models.l2 import L2
from hypo.defenses.none import NoDefense
from hypo.defenses.standard import Standard
from hypo.settings.components import build, describe
from hypo.settings.errors import InputError
from hypo.settings.identity import run_id
from hypo.settings.other_run import OtherRun
from hypo.training_data.elsewhere import Elsewhere
from hypo.training_data.naive import Naive
from hypo.training_data.quality import Quality


def test_what_is_not_given_is_the_runs_own() -> None:
    experiment = small_experiment(Standard())
    assert OtherRun().of(experiment, "held") == experiment
    other = OtherRun(arch=Mlp((7,)), threat_model=L2(0.25), seed=9).of(experiment, "held")
    assert other == replace(experiment, arch=Mlp((7,)), threat_model=L2(0.25), seed=9)


def test_what_is_not_trained_has_no_defense_and_what_is_has_one(tmp_path: Path) -> None:
    experiment = small_experiment(Standard())
    naive = OtherRun(training_data=Naive()).of(experiment, "held")
    assert naive.defense == NoDefense()
    assert OtherRun(training_data=Quality()).of(naive, "held").defense == Standard()
    loaded = experiment.but(arch=Saved(Mlp(()), str(tmp_path / "there.safetensors")))
    assert (loaded.training_data, loaded.defense) == (Elsewhere(), NoDefense())
    assert experiment.but(arch=Mlp(())).training_data == experiment.training_data
    trained = loaded.but(arch=Mlp(()))
    assert (trained.training_data, trained.defense) == (Quality(), Standard())


def test_a_run_directory_stands_for_its_settings_wherever_it_lies(tmp_path: Path) -> None:
    recorded = small_experiment(THRM, seed=3)
    place = done(tmp_path / "first", recorded)
    experiment = small_experiment(Standard())
    other = OtherRun(run=str(place))
    assert other.of(experiment, "held") == recorded
    moved = place.rename(tmp_path / place.name)
    identity = describe(OtherRun(run=str(moved)), identity=True)
    assert identity == describe(other, identity=True) == {"_target_": "OtherRun", "fingerprint": run_id(recorded)}
    assert build(describe(other), "held") == other
    with pytest.raises(InputError, match="is no run directory"):
        other.of(experiment, "held")
    with pytest.raises(InputError, match="run: takes no other settings beside it, got seed"):
        OtherRun(run=str(moved), seed=1)


def test_a_run_whose_settings_were_changed_by_hand_is_refused(tmp_path: Path) -> None:
    place = job(tmp_path).directory.path
    config = place / "config.yaml"
    config.write_text(config.read_text().replace("seed: 0", "seed: 1"))
    with pytest.raises(InputError, match="its data or the code changed, its run id is now"):
        OtherRun(run=str(place)).of(small_experiment(Standard()), "held")
