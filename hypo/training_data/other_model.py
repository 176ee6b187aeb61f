"""The model that a training set is crafted on, when it is another run's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypo.settings.other_run import OtherRun
from hypo.training_data.quality import Quality


def crafting_run(model: OtherRun, experiment: Any) -> Any:
    """The experiment whose model the training set of `experiment` is crafted on.

    It is trained on quality data where nothing else is said: not on what is yet to be crafted.

    Raises:
        InputError: when its components do not go together, or the run directory cannot be read.
    """
    if model.run is None and model.training_data is None:
        model = replace(model, training_data=Quality())
    return model.of(experiment, "training_data.model")
