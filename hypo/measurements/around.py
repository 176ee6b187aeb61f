"""The attacks of an evaluation around images that need not be test images, such as perturbed ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.search import best_from
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import Split
from hypo.measurements.candidates import Candidates
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.pooled_search import PooledSearch, Progress
from hypo.settings.randomness import example_noise


@dataclass(frozen=True)
class Around:
    """Who attacks what: the searches of `evaluation` on `model`, with noise from `seed` and the example alone.

    Attributes:
        model: frozen and in `eval()` mode, from images in [0, 1] to logits.
        progress: told how many steps of an attack are done.
    """

    model: nn.Module
    evaluation: Evaluation
    seed: int
    progress: Progress

    def strongest(
        self, name: str, images: Tensor, examples: Tensor, goal: Goal, threat_model: ThreatModel
    ) -> Tensor:
        """The points of largest margin that any search visits in the balls around `images`, or these themselves.

        Args:
            name: of the attack, for its random numbers.
            images: (batch, channels, height, width) in [0, 1].
            examples: (batch,) int64, the index of each in the whole test set.
        """
        climbed, shown = self.evaluation.climbing(goal), self.evaluation.shown(self.model)
        points, margin = images, torch.full(examples.shape, -torch.inf, device=images.device)
        for place, search in enumerate(self.evaluation.searches.values()):
            purpose = f"{name}/{place + 1}" if place else name
            noises = (
                example_noise(self.seed, purpose, restart, examples, tuple(images.shape[1:]))
                for restart in range(search.restarts)
            )
            candidate = best_from(
                *(noises, search, shown, images, climbed, threat_model), surrogate=self.evaluation.surrogate
            )
            with torch.no_grad():
                further = climbed.margin(self.model(candidate))
            better = further > margin
            points = torch.where(better.view(-1, 1, 1, 1), candidate, points)
            margin = torch.where(better, further, margin)
        return points

    def reached(
        self,
        name: str,
        images: Tensor,
        examples: Tensor,
        goal: Callable[[Tensor], Goal],
        threat_model: ThreatModel,
    ) -> Tensor:
        """Whether some search reaches the goal in the ball around each of `images`, (batch,) bool.

        Args:
            name, images, examples: as of `strongest`.
            goal: from indices into `images` to the goal there.
        """
        found = torch.zeros(examples.shape, dtype=torch.bool, device=images.device)

        def climbed(indices: Tensor) -> Goal:
            return self.evaluation.climbing(goal(indices))

        def record(candidates: Candidates) -> None:
            there = climbed(candidates.indices).margin(candidates.logits) > 0
            found[candidates.indices] |= candidates.counts & there

        evaluation = self.evaluation
        pool = PooledSearch(
            self.evaluation.shown(self.model),
            Split(images, torch.zeros_like(examples)),  # the goal knows the labels
            1,
            examples,
            threat_model,
            evaluation.batch,
            evaluation.every_iterate,
            self.seed,
            self.progress,
        )
        for place, search in enumerate(evaluation.searches.values()):
            pool.run(name, search, place, climbed, lambda: ~found, record)
        return found
