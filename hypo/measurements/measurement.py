"""What is measured on a trained model besides the flags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.model_state import attacked
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split
from hypo.measurements.candidates import Candidates
from hypo.measurements.evaluation import Evaluation, clean_logits
from hypo.measurements.finding import Finding
from hypo.measurements.kept import NOTHING, Kept
from hypo.measurements.pooled_search import PooledSearch, Progress
from hypo.measurements.risks import Flags
from hypo.settings.precision import full_precision


@dataclass(frozen=True)
class Subject:
    """What there is to measure.

    Attributes:
        model: trained, in `eval()` mode, on `device`; from (batch, channels, height, width) images in [0, 1] to
            logits. It is left as found.
        data: with its whole test split on `device`.
        arch: the component that built the model.
        evaluation: how `flags` were decided under `threat_model`.
        flags: one entry for each attacked test example.
        seed: of the run.
        models: the trained models that `Measurement.prerequisites` asked for, in its order.
        progress: told how much is done.
        kept: what an earlier attempt at this measurement found and had put there, and where to put more.
    """

    model: nn.Module
    data: ImageData
    arch: Any
    threat_model: ThreatModel
    evaluation: Evaluation
    flags: Flags
    seed: int
    device: torch.device
    models: Sequence[nn.Module]
    progress: Progress
    kept: Kept = NOTHING

    @cached_property
    def test(self) -> Split:
        """The test examples that were attacked, one for each entry of `flags`, on `device`."""
        return self._limited[0]

    def logits(self) -> Tensor:
        """(examples, classes) of the clean images of `test`, in full precision and without gradient."""
        with full_precision(), attacked(self.model):
            return clean_logits(self.model, self.test, self.data.maximum, self.evaluation.batch)

    def reached(
        self,
        name: str,
        goal: Callable[[Tensor], Goal],
        wanted: Tensor | None = None,
        threat_model: ThreatModel | None = None,
    ) -> Tensor:
        """Which examples of `test` some search of the evaluation brings to a goal, (examples,) bool on `device`.

        What counts as a candidate, and what is climbed, is as for the flags. These are not touched, so that
        accuracies and risks stay comparable with those of runs that are not measured like this.

        Args:
            name: of the attack, for its random numbers.
            goal: from indices into `test` to the goal of those examples.
            wanted: which to attack, (examples,) bool; None for all.
            threat_model: another than the run's.
        """
        test, examples = self._limited
        left = torch.ones(len(test), dtype=torch.bool, device=self.device) if wanted is None else wanted
        found = torch.zeros_like(left)

        def climbed(indices: Tensor) -> Goal:
            return self.evaluation.climbing(goal(indices))

        def record(candidates: Candidates) -> None:
            there = climbed(candidates.indices).margin(candidates.logits) > 0
            found[candidates.indices] |= candidates.counts & there

        with full_precision(), attacked(self.model, surrogate=self.evaluation.surrogate):
            pool = PooledSearch(
                self.evaluation.shown(self.model),
                test,
                self.data.maximum,
                examples,
                threat_model or self.threat_model,
                self.evaluation.batch,
                self.evaluation.every_iterate,
                self.seed,
                self.progress,
            )
            for place, search in enumerate(self.evaluation.searches.values()):
                pool.run(name, search, place, climbed, lambda: left & ~found, record)
        return found

    @cached_property
    def _limited(self) -> tuple[Split, Tensor]:
        return self.data.test.limited(self.evaluation.test_limit)


class Measurement(Protocol):
    """What the frozen dataclass of a measurement offers.

    It may have the methods `prerequisites(experiment)` and `check(experiment, shape, classes)` too, as
    `TrainingData` has.
    """

    def measure(self, subject: Subject) -> Finding:
        """What is found; the same for the same run, so that every random number comes from the subject's seed."""
        ...
