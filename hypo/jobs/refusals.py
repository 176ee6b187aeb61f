"""What is refused before anything starts, because it would fail later."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from hypo.architectures import probing
from hypo.architectures.normalised import Normalised, is_loaded
from hypo.attacks.model_state import attacked
from hypo.datasets.images import Known
from hypo.jobs.loaded import form, loaded
from hypo.settings.device import named, resolve
from hypo.settings.errors import InputError
from hypo.settings.identity import trains
from hypo.settings.made import Remembered
from hypo.training import holding_out


def check(experiment: Any, here: bool) -> list[str]:
    """See `Experiment.check`."""
    warnings: list[str] = []
    if here:
        resolve(experiment.device)
    else:
        named(experiment.device)
    known = form(experiment.dataset, here)
    if not is_loaded(experiment.arch):
        _try_to_build(experiment.arch, known)
    if here:
        data = loaded(experiment.dataset)
        if trains(experiment) and not len(data.train):
            raise InputError(
                "dataset.root: takes a folder with training images, which this one lacks; without them there"
                " are training_data=naive and an arch that is loaded"
            )
        if trains(experiment) and experiment.recipe.hold_out:
            holding_out.check(experiment.recipe, len(data.train))
    if is_loaded(experiment.arch):
        # Wherever it is to run: what is fetched is fetched by the machine that has a network.
        if here and hasattr(experiment.arch, "probe"):
            warnings += _probed(experiment.arch, experiment.dataset)
        else:
            experiment.initial_model(*known, [0.0] * known[0][0], [1.0] * known[0][0])
    for component, several in experiment.needs.items():
        for needed in several:
            if (other := form(needed.dataset, here)) != known:
                raise InputError(f"{component}: takes models of {_told(known)}, got one of {_told(other)}")
    experiment.evaluation.check(experiment.threat_model)
    for part in (experiment.training_data, *experiment.measurements.values()):
        if hasattr(part, "check"):
            part.check(experiment, *known)
    return warnings


def _on_meta(arch: Any, known: Known) -> None:
    with torch.device("meta"):
        arch.build(*known)


_try_to_build = Remembered(_on_meta)
"""InputError for images that an architecture is not for; asked once by all that share it."""


@lru_cache(maxsize=16)
def _probed(arch: Any, dataset: Any) -> tuple[str, ...]:
    """What is wrong with a model, on the CPU, by what it makes of some test images; once for a whole sweep."""
    data = loaded(dataset)
    channels, classes = data.shape[0], len(data.classes)
    model = Normalised(arch.build(data.shape, classes), [0.0] * channels, [1.0] * channels)
    arch.load(model)
    test, _ = data.test.limited(probing.shown(data.shape))
    with attacked(model):
        return tuple(arch.probe(model, test.images[:].float() / data.maximum, test.labels, classes))


def _told(known: Known) -> str:
    shape, classes = known
    return f"{'x'.join(map(str, shape))} images in {classes} classes"
