"""Poisoned data: training images nudged towards a wrong class, with their own labels kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from hypo import checks
from hypo.attacks.projected_gradient import ProjectedGradient
from hypo.attacks.targeted import Targeted
from hypo.datasets.images import ImageData, Split
from hypo.defenses.standard import Standard
from hypo.device import few_threads, resolve
from hypo.randomness import generator
from hypo.training_data.quality import Quality

PUBLISHED = ProjectedGradient(steps=100, relative_step=1 / 5, start="clean")
"""The search of the paper."""

BATCH = 500
"""How many images are crafted at once; a constant, so that the poisons never depend on it."""


@dataclass(frozen=True)
class Poisoning:
    """x′ = argmin CE(f(x′), t) over the experiment's ball around x (Tao et al. 2022, Appendix A.3).

    f is naturally trained on the quality data, t = (y + 1) mod C, and the label stays y. The images are stored
    with 8 bits as all others are, so that a pixel may exceed the ball by half a grey level.

    Attributes:
        attack: the search for x′; it ends where its last step leads.
        seed: of f, so that the runs of all seeds share one poisoned set.
    """

    attack: ProjectedGradient = PUBLISHED
    seed: int = 0

    def __post_init__(self) -> None:
        checks.integer("seed", self.seed, at_least=0)

    def prerequisites(self, experiment: Any) -> Sequence[Any]:
        """The same experiment, naturally trained on quality data."""
        return (replace(experiment, training_data=Quality(), defense=Standard(), seed=self.seed),)

    def prepare(self, data: ImageData, experiment: Any, models: Sequence[nn.Module]) -> ImageData:
        """`data` with poisons for the images that will be trained on, stored as finely as 8 bits allow."""
        (model,) = models
        finer, device = data.finer(), resolve(experiment.device)
        train, _ = finer.train.limited(experiment.recipe.train_limit)
        random = generator(device, self.seed, "poisoning")
        model.to(device).to(memory_format=torch.channels_last)
        parts = []
        with few_threads(model, BATCH):
            for begin in range(0, len(train), BATCH):
                labels = train.labels[begin : begin + BATCH].to(device)
                clean = train.images[begin : begin + BATCH].to(device).float() / finer.maximum
                goal = Targeted((labels + 1) % len(data.classes))
                poisons = self.attack.last(model, clean, goal, experiment.threat_model, random)
                parts.append((poisons * finer.maximum).round().to(torch.uint8).cpu())
        poisoned = torch.cat(parts).contiguous(memory_format=torch.channels_last)
        return replace(finer, train=Split(poisoned, train.labels))
