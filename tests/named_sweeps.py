"""The sweeps that have a name, and the jobs that each asks for: composed once, however many tests look at them.

A cell that several sweeps have is composed once too: most are in a table, in a figure, and in the sweep of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import composing
from omegaconf import DictConfig, OmegaConf

from hypo.datasets.imagenet import Imagenet
from hypo.datasets.restricted_imagenet import RestrictedImagenet
from hypo.jobs.job import Job

PAPER = {*(f"table{number}" for number in (*range(1, 15), 16)), *(f"figure{number}" for number in range(2, 8))}
ALL = "all"


def jobs(sweep: str, *arguments: str) -> list[Job]:
    """The distinct runs that the sweep and what is typed with it ask for, and those that they need."""
    asked_for = wanted(sweep, *arguments)
    with _without_their_files():
        return list({job.run_id: job for asked in asked_for for job in (*asked.prerequisites, asked)}.values())


@cache
def wanted(sweep: str, *arguments: str) -> tuple[Job, ...]:
    """The distinct runs that the sweep and what is typed with it ask for."""
    loader, plain = composing.loader(), composing.master()
    from hydra_plugins.hypo_launchers.grid_sweeper import GridSweeper

    master = composing.master(f"+sweeps={sweep}")
    assert _without_hydra(master) == _without_hydra(plain), "it sets more than what it goes through"
    sweeper = GridSweeper(master.hydra.sweeper.params, master.hydra.sweeper.grids)
    found: dict[str, Job] = {}

    class Composing:
        """A launcher that runs nothing."""

        def launch(self, cells: Iterable[Sequence[str]], initial_job_idx: int) -> list:
            # In which order the settings stand matters to the command alone.
            found.update({job.run_id: job for job in (_job(tuple(sorted(cell))) for cell in cells)})
            return []

    sweeper.hydra_context = SimpleNamespace(config_loader=loader)  # type: ignore[assignment]
    sweeper.launcher = Composing()  # type: ignore[assignment]
    with _without_their_files():
        sweeper.sweep(list(arguments))
    return tuple(found.values())


@contextmanager
def _without_their_files() -> Iterator[None]:
    """Data sets of the user's own are taken for the same, whatever files they have."""
    with ExitStack() as patched:
        for dataset in (Imagenet, RestrictedImagenet):
            patched.enter_context(patch.object(dataset, "fingerprint", lambda _: "of no files"))
        yield


def _without_hydra(config: DictConfig) -> dict[str, Any]:
    whole: Any = OmegaConf.to_container(config)
    return {key: value for key, value in whole.items() if key != "hydra"}


@cache
def _job(cell: tuple[str, ...]) -> Job:
    return composing.cell(*cell)


def header(sweep: str) -> str:
    lines = (composing.CONF.parent / "sweeps" / f"{sweep}.yaml").read_text().splitlines()
    return " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
