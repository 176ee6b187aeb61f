"""Configs and jobs of commands as they would be typed, composed in this process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig

from hypo.command_line import resolvers
from hypo.command_line.config import job_from_config
from hypo.jobs.job import Job

CONF = Path(__file__).parents[1] / "conf"


def composed(*overrides: str) -> DictConfig:
    Plugins.instance()
    resolvers.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides), return_hydra_config=True)


def job(*overrides: str) -> Job:
    """The job of a command by itself."""
    config = composed(*overrides)
    return job_from_config(config, config.hydra.runtime.choices, list(overrides))


def cell(*overrides: str) -> Job:
    """The job of a cell of a sweep: the same (see tests/launchers/test_compose.py), in a small part of the time.

    What cells have in common is composed once for all tests of a process.
    """
    made: Job = _composer().job(overrides)
    return made


@cache
def loader() -> Any:
    """What Hydra loads configs with."""
    Plugins.instance()  # imports the plugins anew, so that what was imported before would be another class
    resolvers.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return GlobalHydra.instance().config_loader()


@cache
def master(*overrides: str) -> DictConfig:
    """What Hydra has composed of a sweep before its cells; nobody changes it."""
    made: DictConfig = loader().load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)
    return made


@cache
def _composer() -> Any:
    from launchers.planning.compose import Composer

    return Composer(loader(), master())
