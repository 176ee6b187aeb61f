"""Runs that measure a model which hypo did not train, from the file to Python and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from foreign_models import Shared, foreign, measuring, network, scripted
from small_jobs import Silent, done, job
from small_models import Stripes
from typed_command import typed

from hypo.jobs.attempt import attempt
from hypo.runs.loading import load_flags, load_model, load_test_data
from hypo.settings.errors import InputError


def test_torchscript_is_measured_like_the_network_that_it_was_made_of(tmp_path: Path) -> None:
    original = network()
    run = done(tmp_path, measuring(foreign(scripted(original, tmp_path / "model.pt"))))
    images, labels = load_test_data(run)
    with torch.no_grad():
        expected = original(images)
    flags = load_flags(run)
    assert (flags.clean_prediction == expected.argmax(1).numpy()).all()
    assert (flags.label == labels.numpy()).all()
    assert flags.adv.sum() > (~flags.correct).sum(), "an attack along its gradient finds something"
    again = load_model(run)
    torch.testing.assert_close(again(images), expected)


def test_what_the_file_holds_is_part_of_the_run_and_its_place_is_not(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    one = scripted(network(), tmp_path / "model.pt")
    same = tmp_path / "elsewhere" / "other_name"
    same.write_bytes(one.read_bytes())
    other = scripted(network(seed=1), tmp_path / "other.pt")
    ids = [job(tmp_path, measuring(foreign(path))).run_id for path in (one, same, other)]
    assert ids[0] == ids[1] != ids[2]
    prepared = [{"mean": (0.5,), "std": (0.5,)}, {"resize": 8}, {"outputs": "probabilities"}]
    others = {job(tmp_path, measuring(foreign(one, **settings))).run_id for settings in prepared}
    assert len(others | set(ids)) == 5


def test_without_its_file_a_run_has_no_model(tmp_path: Path) -> None:
    file = scripted(network(), tmp_path / "model.pt")
    run = done(tmp_path, measuring(foreign(file)))
    scripted(network(seed=1), file)
    with pytest.raises(InputError) as refused:
        load_model(run)
    assert str(refused.value) == (
        f"{run}: its model is rebuilt from {file}, which has changed; put the old one back"
    )
    file.unlink()
    with pytest.raises(InputError) as refused:
        load_model(run)
    assert str(refused.value) == f"arch.path: cannot read {file}: No such file or directory"


def test_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scripted(network(classes=10), tmp_path / "model.pt")
    short = ("evaluation.test_limit=50", "tracking=disabled", "arch=foreign")
    ran = typed(monkeypatch, capsys, *short, "arch.path=model.pt", "arch.mean=[0.1]", "arch.std=[0.3]")
    assert ran.code == 0
    assert ran.err.startswith("warning: the model is right about ")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert run.name.startswith("digits-elsewhere-foreign-none-")
    refused = typed(monkeypatch, capsys, *short)
    assert (refused.code, refused.err) == (2, "error: arch.path: takes text, got None\n")
    refused = typed(monkeypatch, capsys, *short, "arch.path=nowhere")
    assert (refused.code, refused.err) == (
        2,
        f"error: arch.path: cannot read {tmp_path}/nowhere: No such file or directory\n",
    )


def test_a_model_that_cannot_be_measured_fails_before_anything_starts(tmp_path: Path) -> None:
    experiment = measuring(foreign(scripted(network(classes=7), tmp_path / "model.pt")))
    with pytest.raises(InputError) as refused:
        experiment.check()
    assert str(refused.value) == (
        "arch.path: has 7 outputs, the data set 4 classes; take the classes that it was trained on, or wrap it in"
        " a module that returns their logits"
    )


def test_a_frozen_script_moves_no_weights_into_the_run_and_is_measured_all_the_same(tmp_path: Path) -> None:
    whole = done(tmp_path / "a", measuring(foreign(scripted(network(), tmp_path / "model.pt"))))
    frozen = done(tmp_path / "b", measuring(foreign(scripted(network(), tmp_path / "f.pt", frozen=True))))
    assert (load_flags(whole).hyp == load_flags(frozen).hyp).all()
    images, _ = load_test_data(frozen)
    torch.testing.assert_close(load_model(frozen)(images), load_model(whole)(images))


def test_layers_that_share_their_weights_are_kept_and_restored(tmp_path: Path) -> None:
    torch.manual_seed(0)
    original = Shared().eval()
    torch.save(original.state_dict(), tmp_path / "model")
    run = done(tmp_path, measuring(foreign(tmp_path / "model", architecture="foreign_models:Shared")))
    images, _ = load_test_data(run)
    torch.testing.assert_close(load_model(run)(images), original(images))


def test_an_attempt_at_a_broken_file_fails_in_one_line(tmp_path: Path) -> None:
    file = scripted(network(), tmp_path / "model.pt")
    file.write_bytes(file.read_bytes()[:-500])
    outcome = attempt(job(tmp_path, measuring(foreign(file), dataset=Stripes())), Silent())
    assert (outcome.state, outcome.cause) == ("failed", "bad data")
    assert outcome.reason == f"arch.path: {file} is truncated or damaged; copy it again"
