"""Components that need the models of other runs, and models that are loaded instead of trained."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from composing import job as composed
from small_jobs import Silent, done, job
from small_models import ConvolutionBatchNorm, Stripes, small_experiment
from torch import Tensor, nn
from torch.nn import functional as F
from typed_command import typed

from hypo.architectures.linf_dist_net import LinfDistNet
from hypo.architectures.mlp import Mlp
from hypo.architectures.saved import Saved
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.digits import Digits
from hypo.defenses.defense import Loss
from hypo.defenses.none import NoDefense
from hypo.defenses.standard import Standard
from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
from hypo.runs.directory import RunDirectory
from hypo.runs.loading import load_model
from hypo.settings.errors import InputError
from hypo.training_data.elsewhere import Elsewhere
from hypo.training_data.quality import Quality


@dataclass(frozen=True)
class Distilled:
    """Learn another run's logits: a defense that needs a model."""

    def prerequisites(self, experiment: Experiment) -> Sequence[Experiment]:
        return (replace(experiment, defense=Standard()),)

    def given(self, models: Sequence[nn.Module]) -> Any:
        return _WithTeacher(models[0])


@dataclass(frozen=True)
class _WithTeacher:
    teacher: nn.Module

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, threat_model: ThreatModel, random: torch.Generator
    ) -> Loss:
        logits = model(images)
        with torch.no_grad():
            taught = self.teacher(images)
        return Loss(F.mse_loss(logits, taught), logits)


@dataclass(frozen=True)
class Continued:
    """A network that begins where a standard one ended: an architecture that needs a model."""

    def prerequisites(self, experiment: Experiment) -> Sequence[Experiment]:
        return (replace(experiment, arch=ConvolutionBatchNorm(), defense=Standard()),)

    def given(self, models: Sequence[nn.Module]) -> Any:
        (model,) = models
        return _From(model)

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        return ConvolutionBatchNorm().build(shape, classes)


@dataclass(frozen=True)
class _From:
    model: nn.Module

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        return self.model.get_submodule("network")


@pytest.mark.parametrize("changes", [{"defense": Distilled()}, {"arch": Continued(), "defense": Standard()}])
def test_any_component_may_need_a_model(tmp_path: Path, changes: dict[str, Any]) -> None:
    needing = job(tmp_path, small_experiment(**{"defense": Standard(), **changes}))
    (needed,) = needing.prerequisites
    outcome = attempt(needing, Silent())
    assert (outcome.state, outcome.cause) == ("failed", "prerequisite failed")
    assert needed.directory.path.name in str(outcome.reason)
    needed.create()
    assert attempt(needed, Silent()).state == "done"
    assert attempt(needing, Silent()).state == "done"


def test_a_network_that_goes_on_from_another_s_differs_from_one_that_begins_anew(tmp_path: Path) -> None:
    continued = done(tmp_path, small_experiment(Standard(), arch=Continued()))
    anew = done(tmp_path, small_experiment(Standard()))
    first, other = (RunDirectory(path).history()[0]["loss"] for path in (continued, anew))
    assert first < other


def test_a_job_that_needs_another_is_repeated_by_a_command_that_can_be_typed() -> None:
    """What the plan, the launchers and the status show of a prerequisite."""
    (needed,) = composed("training_data=poisoning", "measurement=[targeted]").prerequisites
    again = composed(*shlex.split(needed.command)[3:])
    assert again.run_id == needed.run_id
    assert again.experiment.measurements == needed.experiment.measurements


def saved(path: Path, **changes: Any) -> Experiment:
    none = {"training_data": Elsewhere(), "defense": NoDefense()}
    return small_experiment(**{"arch": Saved(ConvolutionBatchNorm(), str(path)), **none, **changes})


def test_a_model_that_is_there_already_is_measured_as_it_is(tmp_path: Path) -> None:
    trained = done(tmp_path / "trained", small_experiment(Standard()))
    loaded = done(tmp_path / "loaded", saved(trained / "model.safetensors"))
    assert (loaded / "examples.parquet").read_bytes() == (trained / "examples.parquet").read_bytes()
    assert not (loaded / "history.csv").exists()
    for mine, other in zip(load_model(loaded).parameters(), load_model(trained).parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_network_alone_is_normalised_as_the_data_set_asks_for(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    trained = done(tmp_path / "trained", small_experiment(Standard()))
    network = load_model(trained).get_submodule("network")
    save_file(network.state_dict(), tmp_path / "alone.safetensors")
    loaded = done(tmp_path / "loaded", saved(tmp_path / "alone.safetensors"))
    assert (loaded / "examples.parquet").read_bytes() == (trained / "examples.parquet").read_bytes()


def test_the_file_s_content_is_part_of_the_run_and_its_place_is_not(tmp_path: Path) -> None:
    for name, content in (("a", b"one"), ("b", b"one"), ("c", b"other")):
        (tmp_path / name).write_bytes(content)
    one, same, other = (job(tmp_path, saved(tmp_path / name)).run_id for name in "abc")
    assert one == same != other


@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_a_file_without_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken").write_bytes(content)
    outcome = attempt(job(tmp_path, saved(tmp_path / "broken")), Silent())
    assert (outcome.state, outcome.cause) == ("failed", "bad data")
    assert f"{tmp_path / 'broken'}: cannot be read" in str(outcome.reason)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    trained = done(tmp_path / "trained", small_experiment(Standard()))
    other = saved(trained / "model.safetensors", arch=Saved(Mlp((8,)), str(trained / "model.safetensors")))
    outcome = attempt(job(tmp_path / "other", other), Silent())
    assert str(outcome.reason).startswith("arch.path: takes weights of Mlp, got ")


def test_a_loaded_model_goes_with_no_training_data_and_no_other_does(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"")
    with pytest.raises(InputError, match=r"^training_data: elsewhere goes with an arch that is loaded"):
        saved(tmp_path / "weights", training_data=Quality(), defense=Standard())
    with pytest.raises(InputError, match=r"^training_data: elsewhere goes with an arch that is loaded"):
        small_experiment(NoDefense(), training_data=Elsewhere())


def test_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trained = done(tmp_path / "trained", small_experiment(Standard(), dataset=Digits(), arch=Mlp((16,))))
    short = ("evaluation.test_limit=50", "tracking=disabled", "arch=saved", "arch.of.hidden=[16]")
    ran = typed(monkeypatch, capsys, *short, f"arch.path={trained}/model.safetensors")
    assert (ran.code, ran.err) == (0, "")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    assert run.name.startswith("digits-elsewhere-saved-none-")
    refused = typed(monkeypatch, capsys, *short)
    assert (refused.code, refused.err) == (2, "error: arch.path: takes text, got None\n")
    refused = typed(monkeypatch, capsys, *short, "arch.path=nowhere")
    assert (refused.code, refused.err) == (
        2,
        "error: arch.path: cannot read nowhere: No such file or directory\n",
    )


def test_a_network_alone_that_takes_one_std_gets_it(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    arch, data = LinfDistNet((8,), input_std=0.3), Stripes().load()
    save_file(arch.build(data.shape, len(data.classes)).state_dict(), tmp_path / "alone.safetensors")
    path = tmp_path / "alone.safetensors"
    model = saved(path, arch=Saved(arch, str(path))).build_model(data)
    assert model.get_buffer("std").flatten().tolist() == pytest.approx([0.3])
