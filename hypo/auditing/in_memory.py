"""`hypo.audit`: all that the command measures, of a model that is in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from hypo.auditing.chosen import evaluation as evaluation_named
from hypo.auditing.chosen import measurement, threat_model
from hypo.auditing.defaults import EVALUATION, MEASUREMENTS
from hypo.auditing.given import collected, device_of, probed
from hypo.auditing.held import held
from hypo.auditing.page import write
from hypo.auditing.run import PAGE, measured
from hypo.defenses.none import NoDefense
from hypo.jobs.experiment import Experiment
from hypo.jobs.job import Job, option_of
from hypo.jobs.loaded import loaded
from hypo.measurements.risks import Flags
from hypo.runs.loading import load_flags
from hypo.runs.tracking import Tracking
from hypo.settings import checks
from hypo.settings.components import describe
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS
from hypo.training.recipe import Recipe
from hypo.training_data.elsewhere import Elsewhere


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes:
        result: the content of result.json: accuracies and risks as fractions by name, their `counts` and
            `intervals`, and what else was measured under `findings`.
        flags: what was found out about each example, in the order of the loader; see `Flags`.
        warnings: lines on what makes these numbers doubtful.
        page: the page, which opens in a browser without a network.
        directory: the run directory, which `python -m analysis` reads.
    """

    result: Mapping[str, Any]
    flags: Flags
    warnings: tuple[str, ...]
    page: Path
    directory: Path


def audit(
    model: nn.Module,
    loader: Iterable[Any],
    epsilon: float,
    norm: str = "linf",
    *,
    folder: str | Path = "audit",
    classes: Sequence[str] | None = None,
    evaluation: str = EVALUATION,
    seed: int = 0,
) -> Audit:
    """All that `python -m hypo.audit` measures, with its page, of a model and images that are in memory.

    It shows how far it is. Stopped and called again with the same, it goes on; called again when it is done, it
    writes the page anew and no more.

    >>> import tempfile, torch
    >>> from hypo import audit
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> images, labels = torch.rand(20, 1, 2, 2), torch.randint(2, (20,))
    >>> found = audit(model, [(images, labels)], epsilon=0.1, folder=tempfile.mkdtemp())
    >>> found.result["n"], found.page.name
    (20, 'audit.html')

    Args:
        model, loader, epsilon, norm, evaluation, seed: as of `risks`.
        folder: where the page and the run directory go.
        classes: the names of the labels; None for their numbers.

    Raises:
        hypo.settings.errors.InputError: a ValueError, for what cannot be measured, in one line.
        RuntimeError: when a measurement fails, with its reason.
    """
    ball, device = threat_model(norm, epsilon), device_of(model)
    checks.integer("seed", seed, at_least=0)
    test = collected(loader, device)
    outputs, _ = probed(model, test)
    names = [str(name) for name in (range(outputs) if classes is None else classes)]
    if len(names) != outputs:
        raise InputError(f"classes: takes a name for each of the model's {outputs} outputs, got {len(names)}")
    chosen = evaluation_named(evaluation, test.images.shape[1:])
    with held(model, test, names) as (held_model, images):
        experiment = Experiment(
            dataset=images,
            training_data=Elsewhere(),
            arch=held_model,
            defense=NoDefense(),
            threat_model=ball,
            recipe=Recipe(epochs=1, batch=chosen.batch, optimizer="sgd", learning_rate=1.0),  # nobody follows it
            evaluation=chosen,
            measurements={name: measurement(name) for name in MEASUREMENTS},
            seed=seed,
            device=str(device),
        )
        called = {"dataset": "given", "arch": type(model).__name__, "evaluation": evaluation, "threat_model": norm}
        job = _job(experiment, called, epsilon, Path(folder))
        try:
            with torch.enable_grad():
                outcome = measured(job, Console(file=sys.stdout, force_terminal=False, force_jupyter=False))
        finally:
            loaded.cache_clear()  # it holds the images otherwise
        result = job.directory.result()
        if outcome.state != "done" or result is None:
            raise RuntimeError(f"{outcome.state}: {outcome.reason}")
        page = write(job.directory.path, Path(folder) / PAGE)
    warnings = [finding["warning"] for finding in result["findings"].values() if finding["warning"]]
    return Audit(result, load_flags(job.directory.path), tuple(warnings), page, job.directory.path)


def _job(experiment: Experiment, called: Mapping[str, str], epsilon: Any, folder: Path) -> Job:
    """The job of `experiment` in `folder`; `called` are its components' names, else those of their options."""
    tracking = Tracking("disabled")
    groups = {
        group: {**describe(component), "name": called.get(group, option_of(component))}
        for group, component in ((group, getattr(experiment, group)) for group in GROUPS)
    }
    return Job(
        experiment=experiment,
        config={
            **groups,
            "measurement": {name: describe(each) for name, each in experiment.measurements.items()},
            "lambda": None,
            "epsilon": epsilon,
            "seed": experiment.seed,
            "device": experiment.device,
            "tracking": describe(tracking),
            "keep_checkpoint": False,
        },
        command=f"hypo.audit(model, loader, {epsilon!r}, {called['threat_model']!r}, folder={str(folder)!r})",
        runs=folder / "runs",
        tracking=tracking,
    )
