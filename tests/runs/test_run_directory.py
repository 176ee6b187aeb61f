from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
import yaml
from small_jobs import THRM, Silent, job
from small_models import ConvolutionBatchNorm, Stripes, small_experiment

from hypo.architectures.small_cnn import SmallCnn
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.datasets.digits import Digits
from hypo.jobs.attempt import attempt
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Core
from hypo.measurements.risks import Share
from hypo.runs.directory import RunDirectory
from hypo.runs.loading import load_model, load_test_data
from hypo.settings.errors import InputError

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["batch-norm", "part of the digits"])
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished run."""
    if request.param == "batch-norm":
        experiment = small_experiment(THRM)
    else:
        experiment = small_experiment(
            THRM,
            dataset=Digits(),
            arch=SmallCnn(channels=(4,), hidden=16),
            evaluation=Evaluation(ProjectedGradient(steps=2), test_limit=100),
        )
    finished = job(tmp_path_factory.mktemp("runs"), experiment)
    assert attempt(finished, Silent()).state == "done"
    return finished.directory.path


def test_model_and_test_data_reproduce_the_recorded_predictions(done: Path) -> None:
    examples = pandas.read_parquet(done / "examples.parquet")
    images, labels = load_test_data(done)
    assert images.dtype == torch.float32
    assert 0 <= images.min() < images.max() <= 1
    np.testing.assert_array_equal(labels.numpy(), examples.label)
    model = load_model(done)
    assert not any(module.training for module in model.modules())
    with torch.no_grad():
        logits = model(images)
    np.testing.assert_array_equal(logits.argmax(1).numpy(), examples.clean_prediction)
    margin = logits.gather(1, labels[:, None])[:, 0] - logits.scatter(1, labels[:, None], -torch.inf).amax(1)
    np.testing.assert_allclose(margin.numpy(), examples.margin, atol=1e-5)


def test_a_loaded_model_can_be_attacked_and_trained(done: Path) -> None:
    model, (images, labels) = load_model(str(done)), load_test_data(str(done))
    loss = torch.nn.functional.cross_entropy(model(images[:5]), labels[:5])
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_loading_changes_nothing_on_disk(done: Path) -> None:
    def state() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in done.iterdir()}

    before = state()
    load_model(done)
    load_test_data(done)
    assert state() == before


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    """A run that has been created and no more."""
    return job(tmp_path).directory


def test_a_run_without_a_model_says_how_far_it_is(directory: RunDirectory) -> None:
    with pytest.raises(InputError, match=r"there is no trained model; the run is queued$"):
        load_model(directory.path)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    for load in (load_model, load_test_data):
        with pytest.raises(InputError, match=r": is no run directory, it has no config\.yaml") as error:
            load(tmp_path)
        assert "\n" not in str(error.value)


def test_a_cut_short_model_is_refused(directory: RunDirectory) -> None:
    directory.save_model(torch.nn.Linear(2, 2), (1, 1, 2), 2)
    weights = directory.path / "model.safetensors"
    whole = weights.read_bytes()
    for content in (whole[:-3], whole[:20], b""):
        weights.write_bytes(content)
        with pytest.raises(InputError, match=r"model\.safetensors: cannot be read") as error:
            load_model(directory.path)
        assert "\n" not in str(error.value)
        assert weights.read_bytes() == content


@pytest.mark.parametrize("target", ["os.system", "subprocess.Popen", "posix.system", "builtins.exec"])
@pytest.mark.parametrize("group", ["arch", "dataset"])
def test_a_malicious_config_is_not_executed(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch, target: str, group: str
) -> None:
    def called(*arguments: object, **named: object) -> None:
        raise AssertionError(f"{target} was called")

    monkeypatch.setattr(os, "system", called)
    monkeypatch.setattr(subprocess.Popen, "__init__", called)
    trace = directory.path / "executed"
    config = directory.config()
    config[group] = {"_target_": target, "command": f"touch {trace}", "args": ["touch", str(trace)]}
    (directory.path / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(InputError, match=rf"^{group}\._target_: "):
        (load_model if group == "arch" else load_test_data)(directory.path)
    assert not trace.exists()


def test_yaml_with_python_objects_in_it_is_not_executed(directory: RunDirectory) -> None:
    trace = directory.path / "executed"
    text = f"schema: 2\narch: !!python/object/apply:os.system ['touch {trace}']\n"
    (directory.path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match=r"config\.yaml: cannot be read"):
        load_model(directory.path)
    assert not trace.exists()


class Trap:
    """What a pickle executes when it is loaded carelessly."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.trace}",)


def test_a_checkpoint_with_code_in_it_is_not_executed(directory: RunDirectory) -> None:
    trace = directory.path / "executed"
    torch.save({"schema": 2, "model": Trap(trace)}, directory.path / "checkpoint.pt")
    with pytest.raises(InputError, match="the checkpoint cannot be read"):
        directory.load_checkpoint(CPU)
    assert not trace.exists()


def checkpoint(epochs: int, size: int = 10) -> dict[str, object]:
    return {"model": {"weight": torch.full((size,), float(epochs))}, "history": [{"epoch": epochs, "loss": 0.5}]}


def epoch_of(directory: RunDirectory) -> int:
    loaded = directory.load_checkpoint(CPU)
    assert loaded is not None
    assert loaded["model"]["weight"].unique().item() == loaded["history"][-1]["epoch"]
    return loaded["history"][-1]["epoch"]


def test_the_newest_checkpoint_is_loaded_and_its_predecessor_kept(directory: RunDirectory) -> None:
    assert directory.load_checkpoint(CPU) is None
    for epoch in (1, 2, 3):
        directory.save_checkpoint(checkpoint(epoch))
        assert epoch_of(directory) == epoch
    # Killed between the two renames of a write: only the predecessor is there.
    (directory.path / "checkpoint.pt").unlink()
    assert epoch_of(directory) == 2


def test_a_checkpoint_of_another_schema_is_refused(directory: RunDirectory) -> None:
    torch.save({"schema": 3, "model": {}}, directory.path / "checkpoint.pt")
    with pytest.raises(InputError, match=r"checkpoint\.pt: has schema version 3, this version of hypo reads 2"):
        directory.load_checkpoint(CPU)


def test_a_checkpoint_without_a_predecessor_says_that_training_begins_anew(directory: RunDirectory) -> None:
    (directory.path / "checkpoint.pt").write_bytes(b"half a checkpoint")
    with pytest.raises(InputError, match="move it away and repeat the command to train from the start"):
        directory.load_checkpoint(CPU)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 512 KB, where the tests may mount one."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(path)]
    try:
        mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small disk takes root")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_leaves_both_checkpoints_readable(small_disk: Path) -> None:
    directory = RunDirectory(small_disk)
    directory.save_checkpoint(checkpoint(1, size=30_000))
    directory.save_checkpoint(checkpoint(2, size=30_000))
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 220_000)
    before = {path.name: path.read_bytes() for path in small_disk.iterdir()}
    with pytest.raises(OSError, match="No space left") as error:
        directory.save_checkpoint(checkpoint(3, size=30_000))
    assert error.value.errno == errno.ENOSPC
    assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == before
    assert epoch_of(directory) == 2
    (small_disk / "checkpoint.pt").unlink()
    assert epoch_of(directory) == 1


def test_a_status_that_cannot_be_read_is_begun_anew(directory: RunDirectory) -> None:
    for content in ("", "[1]", '{"state":'):
        (directory.path / "status.json").write_text(content)
        assert directory.status() == {}
        directory.update_status(state="running")
        assert directory.status()["state"] == "running"
        assert directory.status()["schema"] == 2


def test_creating_again_keeps_what_is_there(directory: RunDirectory) -> None:
    config = directory.config()
    directory.update_status(state="done")
    directory.create({"schema": 2, "other": True}, "another command")
    assert directory.config() == config
    assert directory.status()["state"] == "done"
    assert directory.status()["command"] == "python -m hypo.run"


def test_an_output_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"^output_dir: cannot write ") as error:
        RunDirectory(tmp_path / "file" / "run").create({"schema": 2}, "command")
    assert "\n" not in str(error.value)


def test_a_result_holds_null_where_there_is_nothing_to_say(directory: RunDirectory) -> None:
    directory.save_result("id", Core({"D": Share(4, 4), "R_hyp_minus": Share(0, 0)}), keep_checkpoint=False)
    result = directory.result()
    assert result is not None
    assert result["R_hyp_minus"] is None
    assert result["intervals"]["R_hyp_minus"] is None
    assert result["counts"]["R_hyp_minus"] == {"count": 0, "of": 0}
    assert (result["n"], result["D"]) == (4, 1.0)


def test_equal_models_are_equal_files(directory: RunDirectory) -> None:
    model = ConvolutionBatchNorm().build((1, 8, 8), 4)
    written = set()
    for _ in range(8):
        directory.save_model(model, (1, 8, 8), 4)
        written.add((directory.path / "model.safetensors").read_bytes())
    assert len(written) == 1


def test_history_is_a_table_of_the_epochs(directory: RunDirectory) -> None:
    rows = [{"epoch": 1, "loss": 0.25, "perturbed_accuracy": float("nan")}, {"epoch": 2, "loss": 0.125}]
    rows[1]["perturbed_accuracy"] = 0.5
    directory.save_checkpoint({"model": {}, "history": rows})
    table = pandas.read_csv(directory.path / "history.csv")
    assert table.columns.tolist() == ["epoch", "loss", "perturbed_accuracy"]
    assert table.loss.tolist() == [0.25, 0.125]
    assert table.perturbed_accuracy.isna().tolist() == [True, False]


def test_the_stripes_are_always_the_same() -> None:
    """The tests above compare runs of two processes."""
    assert torch.equal(Stripes().load().train.images, Stripes().load().train.images)
