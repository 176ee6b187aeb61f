"""Every combination of the values that were typed, with `...` in a list of λ filled in."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus

from hypo.settings import checks
from hypo.settings.errors import InputError

_KEY = "hydra.sweeper"


class GridSweeper(BasicSweeper):
    """Hands the whole grid to the launcher at once, so that all of it is checked before any of it starts.

    Unlike the basic sweeper it writes no files and composes no job twice.
    """

    def __init__(self, params: Any = None, grids: Any = None) -> None:
        """`params` is the grid, or with `grids` what all of them have in common; both are looked at in `sweep`."""
        super().__init__(max_batch_size=None)
        self._params, self._grids = params, grids

    def sweep(self, arguments: list[str]) -> Any:
        """Launch every combination; exits with 1 when a job failed.

        Raises:
            InputError: for a grid that is no grid, naming what says so.
        """
        assert self.launcher is not None
        cells = self.typed_cells(arguments)
        returns: Sequence[JobReturn] = self.launcher.launch(cells, initial_job_idx=0)
        if any(job.status is not JobStatus.COMPLETED for job in returns):
            sys.exit(1)
        return returns

    def typed_cells(self, arguments: Sequence[str]) -> list[list[str]]:
        """Every combination of all grids, each in the words of the command line; InputError as of `sweep`."""
        params = _grid("params", self._params)
        grids = [{}] if self._grids in (None, []) else self._grids
        if not isinstance(grids, Sequence) or isinstance(grids, str):
            raise InputError(f"{_KEY}.grids: takes a list of grids, got {checks.shown(grids)}")
        parts = [params | _grid(f"grids[{number}]", grid) for number, grid in enumerate(grids)]
        return [cell for part in parts for cell in self._cells(part, arguments)]

    def _cells(self, grid: Mapping[str, str], arguments: Sequence[str]) -> list[list[str]]:
        """Every combination of one grid, in which what was typed takes the place of what the sweep's file says."""
        assert self.hydra_context is not None
        typed_keys = {_key(argument) for argument in arguments}
        of_file = (f"{key}={value}" for key, value in grid.items() if key not in typed_keys)
        typed = [_expanded(argument) for argument in (*of_file, *arguments)]
        overrides = OverridesParser.create(self.hydra_context.config_loader).parse_overrides(typed)
        for override in overrides:
            if override.is_sweep_override() and not _has_values(override):
                got = str(override.input_line).partition("=")[2]
                raise InputError(f"{override.key_or_group}: takes a list such as 0,1,5, got {got}")
        (cells,) = self.split_arguments(overrides, None)
        return [list(cell) for cell in cells]


def _grid(name: str, grid: Any) -> dict[str, str]:
    """A grid as a sweep's file gives it, in the words of the command line."""
    if grid is None:
        return {}
    if not isinstance(grid, Mapping):
        raise InputError(
            f"{_KEY}.{name}: takes lists by key, such as {{lambda: '0,1,5'}}, got {checks.shown(grid)}"
        )
    return {str(key): "null" if values is None else str(values) for key, values in grid.items()}


def _has_values(sweep: Override) -> bool:
    """Whether there is anything to go through: not so for an interval, nor for a pattern that matches nothing."""
    return sweep.is_discrete_sweep() and next(sweep.sweep_string_iterator(), None) is not None


def _expanded(argument: str) -> str:
    from hypo.command_line.grid import expand

    key, _, values = argument.partition("=")
    return f"{key}={expand(values)}" if key.lstrip("+") == "lambda" and "..." in values else argument


def _key(argument: str) -> str:
    return argument.partition("=")[0].lstrip("+~")
