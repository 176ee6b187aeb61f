"""Every combination of the values that were typed, with `...` in a list of λ filled in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus


class GridSweeper(BasicSweeper):
    """Hands the whole grid to the launcher at once, so that all of it is checked before any of it starts.

    Unlike the basic sweeper it writes no files and composes no job twice.
    """

    def __init__(self, params: dict[str, str]) -> None:
        super().__init__(max_batch_size=None, params=params)

    def sweep(self, arguments: list[str]) -> Any:
        """Launch every combination; exits with 1 when a job failed."""
        assert self.hydra_context is not None
        assert self.launcher is not None
        typed = [_expanded(argument) for argument in [*self._parse_config(), *arguments]]
        overrides = OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(typed)
        (grid,) = self.split_arguments(overrides, None)
        returns: Sequence[JobReturn] = self.launcher.launch(grid, initial_job_idx=0)
        if any(job.status is not JobStatus.COMPLETED for job in returns):
            sys.exit(1)
        return returns


def _expanded(argument: str) -> str:
    from hypo.grid import expand

    key, _, values = argument.partition("=")
    return f"{key}={expand(values)}" if key.lstrip("+") == "lambda" and "..." in values else argument
