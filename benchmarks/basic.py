"""`python -m benchmarks.basic -m …`: jobs of hypo under Hydra's own basic launcher and sweeper."""

from __future__ import annotations

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

import hypo
from hypo.command_line import resolvers

_CONFIG = Path(hypo.__file__).parents[1] / "conf"
resolvers.register()  # before Hydra composes


@hydra.main(version_base="1.3", config_path=str(_CONFIG), config_name="config")
def run(config: DictConfig) -> None:
    """One job, in the process that runs them all."""
    from hypo.command_line.config import job_from_config
    from hypo.command_line.console import Lines
    from hypo.jobs.attempt import attempt

    chosen = HydraConfig.get()
    job = job_from_config(config, chosen.runtime.choices, chosen.overrides.task)
    job.experiment.check()
    job.create()
    outcome = attempt(job, Lines(Console()))
    assert outcome.state == "done", outcome.reason


if __name__ == "__main__":
    run()
