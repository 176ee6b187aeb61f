"""The sweeps that have a name, and the jobs that each asks for: composed once, however many tests look at them."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from composing import CONF
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import RunMode

from hypo.command_line import resolvers
from hypo.jobs.job import Job

PAPER = {*(f"table{number}" for number in (*range(1, 15), 16)), *(f"figure{number}" for number in range(2, 8))}
ALL = "all"


def jobs(sweep: str, *arguments: str) -> list[Job]:
    """The distinct runs that the sweep and what is typed with it ask for, and those that they need."""
    return list(
        {job.run_id: job for asked in wanted(sweep, *arguments) for job in (*asked.prerequisites, asked)}.values()
    )


@cache
def wanted(sweep: str, *arguments: str) -> tuple[Job, ...]:
    """The distinct runs that the sweep and what is typed with it ask for."""
    Plugins.instance()  # imports the plugins anew, so that what was imported before would be another class
    from hydra_plugins.hypo_launchers.grid_sweeper import GridSweeper

    from launchers.planning.compose import Composer

    resolvers.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [f"+sweeps={sweep}"], run_mode=RunMode.MULTIRUN)
        sweeper = GridSweeper(master.hydra.sweeper.params, master.hydra.sweeper.grids)
        found: dict[str, Job] = {}

        class Composing:
            """A launcher that runs nothing."""

            def launch(self, cells: Any, initial_job_idx: int) -> list:
                composer = Composer(loader, master)
                found.update({job.run_id: job for job in map(composer.job, cells)})
                return []

        sweeper.hydra_context = SimpleNamespace(config_loader=loader)  # type: ignore[assignment]
        sweeper.launcher = Composing()  # type: ignore[assignment]
        sweeper.sweep(list(arguments))
    return tuple(found.values())


def header(sweep: str) -> str:
    lines = (CONF.parent / "sweeps" / f"{sweep}.yaml").read_text().splitlines()
    return " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
