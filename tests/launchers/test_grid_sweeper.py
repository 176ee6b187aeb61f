"""From what was typed, and a sweep's file, to the cells of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from test_compose import CONF


class Noting:
    """A launcher that runs nothing."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        self.cells = [" ".join(cell) for cell in job_overrides]
        return []


def cells(params: dict[str, str], grids: list[dict[str, str]], *typed: str) -> list[str]:
    Plugins.instance()  # imports the plugins anew, so that what was imported before would be another class
    from hydra_plugins.hypo_launchers.grid_sweeper import GridSweeper

    with initialize_config_dir(str(CONF), version_base="1.3"):
        sweeper = GridSweeper(params, grids)
        sweeper.hydra_context = SimpleNamespace(config_loader=GlobalHydra.instance().config_loader())  # type: ignore[assignment]
        launcher = Noting()
        sweeper.launcher = launcher  # type: ignore[assignment]
        sweeper.sweep(list(typed))
        return launcher.cells


def test_a_file_without_grids_is_one_grid() -> None:
    assert cells({"lambda": "0,...,5", "seed": "1"}, []) == [
        "lambda=0 seed=1",
        "lambda=1 seed=1",
        "lambda=5 seed=1",
    ]


def test_several_grids_are_swept_one_after_the_other_with_what_they_share() -> None:
    grids = [{"defense": "standard,pgd_at"}, {"defense": "trades", "lambda": "6"}]
    assert cells({"seed": "0,1"}, grids) == [
        "seed=0 defense=standard",
        "seed=0 defense=pgd_at",
        "seed=1 defense=standard",
        "seed=1 defense=pgd_at",
        "seed=0 defense=trades lambda=6",
        "seed=1 defense=trades lambda=6",
    ]


@pytest.mark.parametrize("typed", ["seed=7", "++seed=7"])
def test_what_is_typed_takes_the_place_of_what_the_file_says(typed: str) -> None:
    grids = [{"defense": "standard"}, {"defense": "thrm", "seed": "3"}]
    assert cells({"seed": "0,1"}, grids, typed) == [f"defense=standard {typed}", f"defense=thrm {typed}"]
