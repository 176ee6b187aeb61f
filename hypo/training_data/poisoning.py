"""Poisoned data: training images nudged towards a wrong class, with their own labels kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from hypo.architectures.normalised import Architecture
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.datasets.images import ImageData, Split
from hypo.defenses.standard import Standard
from hypo.runs.crafted import Crafted
from hypo.settings import checks
from hypo.settings.components import describe
from hypo.settings.device import resolve
from hypo.settings.randomness import generator
from hypo.training.recipe import Recipe
from hypo.training_data.crafting import Stored, craft, made_of
from hypo.training_data.quality import Quality

PUBLISHED = ProjectedGradient(steps=100, relative_step=1 / 5, start="clean")
"""The search of the paper."""


@dataclass(frozen=True)
class Crafter:
    """The naturally trained model f whose gradients the poisons are made with.

    Attributes:
        arch: its architecture.
        learning_rate: the one that it is trained from, > 0, whatever that of the run is.
        recipe: how it is trained besides, or None for the recipe of the run that is trained on the poisons.
    """

    arch: Architecture
    learning_rate: float
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        checks.number("learning_rate", self.learning_rate, above=0)


@dataclass(frozen=True)
class Poisoning:
    """x′ = argmin CE(f(x′), t) over the experiment's ball around x (Tao et al. 2022, Appendix A.3).

    f is naturally trained on the quality data, t = (y + 1) mod C, and the label stays y. The images are stored
    with 8 bits as all others are, so that a pixel may exceed the ball by half a grey level.

    Attributes:
        crafter: f, and how it is trained.
        attack: the search for x′; it ends where its last step leads.
        seed: of f, so that the runs of all seeds share one poisoned set.
        stored: how grey levels become whole numbers: "rounded", or "truncated" as in the authors' code, which
            takes a pixel up to a whole grey level out of the ball.
    """

    crafter: Crafter
    attack: ProjectedGradient = PUBLISHED
    seed: int = 0
    stored: Stored = "rounded"

    def __post_init__(self) -> None:
        checks.integer("seed", self.seed, at_least=0)
        checks.choice("stored", self.stored, ("rounded", "truncated"))

    def prerequisites(self, experiment: Any) -> Sequence[Any]:
        """The crafting model, naturally trained on quality data."""
        recipe = replace(self.crafter.recipe or experiment.recipe, learning_rate=self.crafter.learning_rate)
        natural = {"training_data": Quality(), "defense": Standard(), "seed": self.seed}
        return (replace(experiment, arch=self.crafter.arch, recipe=recipe, **natural),)

    def prepare(
        self, data: ImageData, experiment: Any, models: Sequence[nn.Module], crafted: Crafted
    ) -> ImageData:
        """`data` with poisons for the images that will be trained on, stored as finely as 8 bits allow.

        Raises:
            InputError: when the model was trained for another number of classes.
        """
        finer = data.finer()
        train, _ = finer.train.limited(experiment.recipe.train_limit)
        (needed,), (model,) = self.prerequisites(experiment), models
        settings = {
            "attack": describe(self.attack, identity=True),
            "seed": self.seed,
            "stored": self.stored,
            "threat_model": describe(experiment.threat_model, identity=True),
            **made_of(experiment, needed),
        }
        poisons = crafted.images("poisoning", settings, lambda: self._craft(train, finer, experiment, model))
        return replace(finer, train=Split(poisons.contiguous(memory_format=torch.channels_last), train.labels))

    def _craft(self, train: Split, data: ImageData, experiment: Any, model: nn.Module) -> Tensor:
        """(examples, channels, height, width) uint8, for the examples of `train`."""
        device = resolve(experiment.device)
        random = generator(device, self.seed, "poisoning")

        def towards_the_next_class(images: Tensor, part: slice) -> Tensor:
            goal = Targeted((train.labels[part].to(device) + 1) % len(data.classes))
            return self.attack.last(model, images, goal, experiment.threat_model, random)

        return craft(model, train, data, experiment, towards_the_next_class, self.stored)
