from __future__ import annotations

from pathlib import Path

import pandas
import pytest
import torch
from small_models import ConvolutionBatchNorm, Stripes

from hypo.measurements.finding import Core
from hypo.measurements.risks import Share
from hypo.runs.directory import RunDirectory
from hypo.settings.errors import InputError


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
