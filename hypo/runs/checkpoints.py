"""The checkpoints of a run whose epochs may be shorter than it takes to write one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from torch import Tensor

from hypo.runs.directory import RunDirectory
from hypo.settings.errors import LockedError

APART = 0.25
"""Seconds between two checkpoints, at least: what a run that is killed outright may lose beside its last epoch."""


class Checkpoints:
    """Writes the checkpoints of `directory`, those that come too soon after another in its stead.

    The newest is written when the context is left, however it is left: whoever interrupts a run loses nothing but
    the epoch that it was in.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._waiting: Mapping[str, Any] | None = None
        self._written_at = -APART

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._waiting is None:
            return
        if error is None:
            self._directory.save_checkpoint(self._waiting)
        else:
            with suppress(LockedError, OSError):  # it stops, whether or not that can be written
                self._directory.save_checkpoint(self._waiting)

    def put(self, checkpoint: Mapping[str, Any]) -> None:
        """Take note of the checkpoint of one more epoch; its tensors may change afterwards."""
        if time.monotonic() - self._written_at < APART:
            self._waiting = _copied(checkpoint)
            return
        self._waiting = None
        self._directory.save_checkpoint(checkpoint)
        self._written_at = time.monotonic()


def _copied(content: Any) -> Any:
    """`content` with tensors, lists and dicts of its own."""
    if isinstance(content, Tensor):
        return content.detach().clone()
    if isinstance(content, Mapping):
        return {key: _copied(value) for key, value in content.items()}
    return [_copied(each) for each in content] if isinstance(content, list) else content
