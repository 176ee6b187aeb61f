"""`hydra/sweeper=front`: a few λ to begin with, and then those that fill the gaps between them."""

from __future__ import annotations

import sys
from typing import Any

from hydra_plugins.hypo_launchers.grid_sweeper import GridSweeper

from hypo.settings import checks
from hypo.settings.errors import InputError

_KEY = "hydra.sweeper"


class FrontSweeper(GridSweeper):
    """Runs the grid, looks at the risks, and has the launcher run more λ, until the front has no wide gap.

    Attributes:
        params, grids: see `GridSweeper`; λ are those to begin with.
        gap, budget: see conf/hydra/sweeper/front.yaml.
    """

    def __init__(self, params: Any = None, grids: Any = None, gap: float = 2, budget: int = 90) -> None:
        super().__init__(params, grids)
        self._gap, self._budget = gap, budget

    def sweep(self, arguments: list[str]) -> Any:
        """Run until nothing is to be chosen any more; exits with 1 when a job failed.

        Raises:
            InputError: for a grid or a setting that cannot be, or a launcher that is none of ours.
        """
        # Imported here because Hydra imports this module at every start, whatever sweeps.
        from launchers.front.rounds import Aim, Front, Launching

        gap = checks.number(f"{_KEY}.gap", self._gap, above=0)
        budget = checks.integer(f"{_KEY}.budget", self._budget, at_least=1)
        if not isinstance(self.launcher, Launching):
            got = type(self.launcher).__name__
            raise InputError(f"hydra/launcher: takes one of sequential, local, slurm with a front, got {got}")
        if not Front(self.launcher, self.typed_cells(arguments), Aim(gap, budget)).run():
            sys.exit(1)
