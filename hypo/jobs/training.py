"""The model of an experiment, trained in its run directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from hypo.datasets.images import ImageData
from hypo.jobs.observer import Observer
from hypo.runs.checkpoints import Checkpoints
from hypo.runs.crafted import Crafted
from hypo.runs.directory import RunDirectory
from hypo.runs.trained_once import trained_once
from hypo.settings.device import resolve
from hypo.settings.identity import training_id, trains
from hypo.training.loop import train


def train_in(
    directory: RunDirectory,
    experiment: Any,
    model: nn.Module,
    data: ImageData,
    needed_by: Callable[[str], list[nn.Module]],
    observer: Observer,
) -> None:
    """Train `model` in place, on its device, or go on from the newest checkpoint in `directory`.

    Where another run beside it has trained the same model already, that one is taken, and what was loaded is not
    trained at all. Leaves checkpoint, history and model in `directory`.

    Args:
        experiment: whose `build_model` made the model.
        needed_by: from a component, as `Experiment.needs` calls it, to its models.

    Raises:
        InputError: when a setting, the data or the checkpoint cannot be used.
        DivergedError: when the loss is not finite.
    """
    device = resolve(experiment.device)

    def train_here() -> None:
        crafted = Crafted(directory.path.parent.parent / "crafted", directory.path.name)
        prepared = experiment.training_data.prepare(data, experiment, needed_by("training_data"), crafted)
        with Checkpoints(directory) as checkpoints:

            def after_epoch(checkpoint: dict) -> None:
                checkpoints.put(checkpoint)
                observer.epoch(checkpoint["history"][-1], experiment.recipe.epochs)

            train(
                model,
                prepared.train.to(device),
                prepared.maximum,
                given(experiment.defense, [needed.to(device) for needed in needed_by("defense")]),
                experiment.threat_model,
                experiment.recipe,
                experiment.seed,
                resume=directory.load_checkpoint(device),
                after_epoch=after_epoch,
            )
        directory.save_model(model, data.shape, len(data.classes))

    if trains(experiment):
        trained_once(model, directory, training_id(experiment), train_here)
    else:
        directory.save_model(model, data.shape, len(data.classes))


def given(component: Any, models: Sequence[nn.Module]) -> Any:
    """`component`, which was asked for prerequisites, with their models at hand."""
    return component.given(models) if models else component
