"""One attack on many examples, each of which leaves as soon as it is decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypo.attacks.goal import Goal
from hypo.attacks.projected_gradient import ProjectedGradient
from hypo.datasets.images import Split
from hypo.settings.randomness import example_noise
from hypo.threat_models.threat_model import ThreatModel

Progress = Callable[[int, int], None]
"""Called with how much is done, and out of how much."""

Record = Callable[[Tensor, Tensor, Tensor, bool], None]
"""Takes note of one more candidate of some examples: their indices, predictions, whether each counts, and whether
this is where the restart ends."""


@dataclass(frozen=True)
class PooledSearch:
    """What is attacked, and how its candidates count.

    Attributes:
        model: frozen and in `eval()` mode, from images in [0, 1] to logits.
        test: on the model's device; its images are divided by `maximum`.
        examples: (len(test),) int64, the index of each in the whole test set, on which its noise depends.
        batch: how many at once.
        every_iterate: whether every point visited is a candidate, or only where each restart ends.
        seed: of the random starting points.
    """

    model: nn.Module
    test: Split
    maximum: int
    examples: Tensor
    threat_model: ThreatModel
    batch: int
    every_iterate: bool
    seed: int
    progress: Progress

    def run(
        self,
        name: str,
        attack: ProjectedGradient,
        goal: Callable[[Tensor], Goal],
        undecided: Callable[[], Tensor],
        record: Record,
    ) -> None:
        """Attack what is `undecided` (a bool for each example), restart by restart, and `record` what comes out.

        Only those candidates count whose example is still undecided: what the others visit hangs on when they
        leave the pool, and the outcome must not.

        Args:
            name: of the attack, for its random numbers.
            goal: from indices into `test` to the goal of those examples.
        """
        for restart in range(attack.restarts):
            self._restart(name, restart, attack, goal, undecided, record)

    def _restart(
        self,
        name: str,
        restart: int,
        attack: ProjectedGradient,
        goal: Callable[[Tensor], Goal],
        undecided: Callable[[], Tensor],
        record: Record,
    ) -> None:
        batch = self.batch
        pool = undecided().nonzero().squeeze(1)
        if not len(pool):
            return
        noise = example_noise(self.seed, name, restart, self.examples[pool], tuple(self.test.images.shape[1:]))
        points = torch.cat(
            [self._start(attack, pool[part], goal(pool[part]), noise[part]) for part in parts(len(pool), batch)]
        )
        # A CPU has nothing to synchronise with, so there decided examples leave at once.
        compactions = range(1, attack.steps) if pool.device.type == "cpu" else compaction_steps(attack.steps)
        for number in range(attack.steps):
            if self.every_iterate and number in compactions:
                kept = undecided()[pool]
                pool, noise, points = pool[kept], noise[kept], points[kept]
            predictions = []
            for part in parts(len(pool), batch):
                indices = pool[part]
                points[part], logits = attack.step(
                    self.model,
                    points[part],
                    self._images(indices),
                    goal(indices),
                    self.threat_model,
                    noise[part],
                    number,
                )
                predictions.append(logits.argmax(1))
            if self.every_iterate and predictions:
                record(pool, torch.cat(predictions), undecided()[pool], False)
            self.progress(number + 1, attack.steps)
        with torch.no_grad():
            for part in parts(len(pool), batch):
                prediction = self.model(points[part]).argmax(1)
                record(pool[part], prediction, undecided()[pool[part]], True)

    def _images(self, indices: Tensor) -> Tensor:
        return self.test.images[indices].float() / self.maximum

    def _start(self, attack: ProjectedGradient, indices: Tensor, goal: Goal, noise: Tensor) -> Tensor:
        images = self._images(indices)
        start = attack.starting_point(images, goal, self.threat_model, noise)
        # Only a point inside the ball may count as a candidate. Where the end alone counts, the start need not be
        # inside, and in the code of Tao et al. 2022 it is not.
        return self.threat_model.project(start, images) if self.every_iterate else start


def compaction_steps(steps: int) -> frozenset[int]:
    """The steps before which decided examples leave the pool: 1, 2, 4 and 8, then every fifth.

    Each time costs one synchronisation with the device. Undefended models are decided within a few steps,
    robust ones lose little to the wider stride.
    """
    return frozenset({1, 2, 4, 8} | set(range(12, steps, 5)))


def parts(length: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `length`."""
    for begin in range(0, length, size):
        yield slice(begin, begin + size)
