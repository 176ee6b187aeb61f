"""Epochs that are shorter than it takes to write a checkpoint."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from hypo.runs.checkpoints import APART, Checkpoints
from hypo.runs.directory import RunDirectory
from hypo.settings.errors import LockedError

CPU = torch.device("cpu")


def checkpoint(weight: torch.Tensor, epoch: int) -> dict[str, Any]:
    return {"model": {"weight": weight}, "history": [{"epoch": done} for done in range(1, epoch + 1)]}


def test_the_newest_is_written_when_a_run_is_interrupted_as_it_was_then(directory: RunDirectory) -> None:
    weight = torch.zeros(3)

    def interrupted() -> None:
        with Checkpoints(directory) as checkpoints:
            for epoch in (1, 2, 3):
                weight.fill_(epoch)
                checkpoints.put(checkpoint(weight, epoch))
            weight.fill_(7)  # in the middle of the next epoch
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    found = directory.load_checkpoint(CPU)
    assert found is not None
    assert found["model"]["weight"].tolist() == [3, 3, 3]
    assert [row["epoch"] for row in found["history"]] == [1, 2, 3]
    assert len(directory.history()) == 3


def test_epochs_that_take_longer_are_written_at_once(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, written = 100.0, []
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(directory, "save_checkpoint", lambda given: written.append(len(given["history"])))
    with Checkpoints(directory) as checkpoints:
        for epoch in range(1, 9):
            checkpoints.put(checkpoint(torch.zeros(1), epoch))
            now += APART / 2 if epoch < 5 else APART
            assert written == [done for done in (1, 3, 5, 6, 7, 8) if done <= epoch]
    assert written == [1, 3, 5, 6, 7, 8]  # and none of them twice


def test_what_cannot_be_written_does_not_hide_what_went_wrong(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken_over(given: object) -> None:
        raise LockedError("was taken over")

    def broken() -> None:
        with Checkpoints(directory) as checkpoints:
            checkpoints.put(checkpoint(torch.zeros(1), 1))
            checkpoints.put(checkpoint(torch.zeros(1), 2))
            monkeypatch.setattr(directory, "save_checkpoint", taken_over)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    with pytest.raises(LockedError), Checkpoints(directory) as checkpoints:
        checkpoints.put(checkpoint(torch.zeros(1), 1))
