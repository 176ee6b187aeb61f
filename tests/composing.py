"""Configs and jobs of commands as they would be typed, composed in this process."""

from __future__ import annotations

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
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
    config = composed(*overrides)
    return job_from_config(config, config.hydra.runtime.choices, list(overrides))
