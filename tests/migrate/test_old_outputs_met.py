"""Wherever outputs of schema 1 are met, the command is named that brings them up to date."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from analysis.reading.collect import collect
from hypo.runs import sweep as sweep_directory
from hypo.runs.directory import RunDirectory
from hypo.settings.errors import InputError
from hypo.settings.identity import how_to_update
from launchers.watching.evidence import Evidence

COMMAND = "; python -m hypo.migrate OUTPUTS brings it up to date"


@pytest.fixture
def run(old: Path) -> Path:
    """A run directory of schema 1."""
    path = next((old / "runs").glob("digits-mlp-thrm*"))
    torch.save({"schema": 1}, path / "checkpoint.pt")
    return path


@pytest.mark.parametrize(
    "read",
    [
        lambda run: RunDirectory(run).config(),
        lambda run: RunDirectory(run).result(),
        lambda run: RunDirectory(run).load_checkpoint(torch.device("cpu")),
        lambda run: sweep_directory.read(next((run.parents[1] / "sweeps").iterdir())),
    ],
)
def test_a_file_is_refused_with_the_command(run: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(InputError, match=r"schema (version )?1, this version .*reads 2") as refusal:
        read(run)
    assert str(refusal.value).endswith(COMMAND)


def test_a_row_of_a_table_and_of_the_status_say_it(run: Path) -> None:
    frame = collect(run.parents[1])
    assert set(frame["state"]) == {"unreadable"}
    assert all(reason.endswith(COMMAND) for reason in frame["reason"])
    assert set(frame["command"]) == {f"python -m hypo.migrate {run.parents[1]}"}
    fault = Evidence(run, None, {}).fault_of_result
    assert fault is not None
    assert fault.endswith(COMMAND)
    (run / "result.json").write_text(json.dumps({"schema": 2}))
    assert Evidence(run, None, {}).fault_of_result == ""


@pytest.mark.parametrize("schema", [None, 0, 2, 3, "1", [1], 1.5])
def test_only_what_it_can_bring_up_to_date_is_said_to_be(schema: object) -> None:
    assert how_to_update(schema) == ""
    assert how_to_update(1) == COMMAND
