"""Every combination of the values that were typed, with `...` in a list of λ filled in."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus


class GridSweeper(BasicSweeper):
    """Hands the whole grid to the launcher at once, so that all of it is checked before any of it starts.

    Unlike the basic sweeper it writes no files and composes no job twice.
    """

    def __init__(self, params: dict[str, str], grids: Sequence[dict[str, str]] = ()) -> None:
        """`params` is the grid, or with `grids` what all of them have in common."""
        super().__init__(max_batch_size=None, params=params)
        self._grids = grids or [{}]

    def sweep(self, arguments: list[str]) -> Any:
        """Launch every combination; exits with 1 when a job failed."""
        assert self.hydra_context is not None
        assert self.launcher is not None
        cells = [cell for grid in self._grids for cell in self._cells(grid, arguments)]
        returns: Sequence[JobReturn] = self.launcher.launch(cells, initial_job_idx=0)
        if any(job.status is not JobStatus.COMPLETED for job in returns):
            sys.exit(1)
        return returns

    def _cells(self, grid: Mapping[str, str], arguments: Sequence[str]) -> list[list[str]]:
        """Every combination of one grid, in which what was typed takes the place of what the sweep's file says."""
        assert self.hydra_context is not None
        typed_keys = {_key(argument) for argument in arguments}
        values = {key: value for key, value in {**self.params, **grid}.items() if key not in typed_keys}
        of_file = (f"{key}={value}" for key, value in values.items())
        typed = [_expanded(argument) for argument in (*of_file, *arguments)]
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        (cells,) = self.split_arguments(parser.parse_overrides(typed), None)
        return [list(cell) for cell in cells]


def _expanded(argument: str) -> str:
    from hypo.grid import expand

    key, _, values = argument.partition("=")
    return f"{key}={expand(values)}" if key.lstrip("+") == "lambda" and "..." in values else argument


def _key(argument: str) -> str:
    return argument.partition("=")[0].lstrip("+~")
