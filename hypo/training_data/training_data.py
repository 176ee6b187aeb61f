"""What an experiment asks of its training data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import nn

from hypo.datasets.images import ImageData
from hypo.runs.crafted import Crafted


class TrainingData(Protocol):
    """What the frozen dataclass of a training data quality offers.

    A class variable `uses_threat_model = False` says that the training split is the same for every threat model,
    `trains = False` that there is no training, so that defense and recipe do not matter.

    Like any component it may have a method `prerequisites(experiment) -> Sequence[Experiment]`, the experiments
    that are to be done first because their models are needed here; `OtherRun.of` makes them of the one that is
    trained on this. One that not every experiment can have has a method `check(experiment, shape, classes)`, which
    refuses it with InputError before anything starts; `shape` is (channels, height, width) of the images.
    """

    def prepare(
        self, data: ImageData, experiment: Any, models: Sequence[nn.Module], crafted: Crafted
    ) -> ImageData:
        """`data` with the training split that this quality makes of it.

        The test split and the normalisation stay what they are. Should the images be stored in other steps
        (`ImageData.maximum`), those of the test split are the same floats in [0, 1] as before, bit by bit.

        Args:
            experiment: the `Experiment` that is trained on this: its threat model, its device.
            models: the trained models of `prerequisites`, in its order, on the CPU and in `eval()` mode; from
                (batch, channels, height, width) images in [0, 1] to logits.
            crafted: where images that take long to make are kept for other runs.
        """
        ...
