"""Whole jobs that take a fraction of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from small_models import small_experiment

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.defenses.thrm import Thrm
from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
from hypo.jobs.job import Job
from hypo.runs.tracking import Tracking
from hypo.settings.components import describe
from hypo.settings.identity import GROUPS

THRM = Thrm(3.0, ProjectedGradient(steps=2, relative_step=0.5))


class Silent:
    """An observer that tells nobody."""

    def epoch(self, row: dict[str, float], epochs: int) -> None: ...

    def evaluating(self, done: int, total: int) -> None: ...

    def measuring(self, name: str) -> None: ...

    def decided(self, examples: int, total: int) -> None: ...


def job(outputs: Path, experiment: Experiment | None = None, dataset: str = "stripes") -> Job:
    """A job with its run directory, new or as it was left."""
    experiment = experiment or small_experiment(THRM)
    config: dict[str, Any] = {group: {"name": group, **describe(getattr(experiment, group))} for group in GROUPS}
    config["dataset"]["name"] = dataset
    measurement = {name: describe(each) for name, each in experiment.measurements.items()}
    values = {"measurement": measurement, "lambda": 3, "epsilon": 0.05, "seed": experiment.seed}
    tracking = Tracking("disabled")
    created = Job(
        experiment=experiment,
        config={**config, **values, "device": experiment.device, "tracking": describe(tracking)},
        command="python -m hypo.run",
        runs=outputs / "runs",
        tracking=tracking,
    )
    created.create()
    return created


def done(outputs: Path, experiment: Experiment, dataset: str = "digits") -> Path:
    """The directory of a run that is finished, as are those whose models it needs."""
    finished = job(outputs, experiment, dataset=dataset)
    for needed in finished.prerequisites:
        needed.create()
        assert attempt(needed, Silent()).state == "done"
    assert attempt(finished, Silent()).state == "done"
    return finished.directory.path
