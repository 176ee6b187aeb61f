"""How many mistakes can be turned into each class (Tao et al. 2022, Figures 3 and 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.model_state import attacked
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Curve, Finding, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.pooled_search import Candidates, PooledSearch
from hypo.measurements.risks import Share
from hypo.settings.precision import full_precision


@dataclass(frozen=True)
class TargetedRates:
    """For each class, the mistakes that are it already, and those of the others that the attack moves there.

    The attack is the evaluation's. These candidates do not enter the flags, so that accuracies and risks stay
    comparable with those of runs that are measured without targets.
    """

    def measure(self, subject: Subject) -> Finding:
        """Two curves over the classes, of D⁻: "already" out of all of it, "moved" out of the others."""
        limited, examples = subject.data.test.limited(subject.evaluation.test_limit)
        clean = torch.from_numpy(subject.flags.clean_prediction).to(subject.device)
        wrong = ~torch.from_numpy(subject.flags.correct).to(subject.device)
        mistakes = int(wrong.sum())
        already, moved = [], []
        with full_precision(), attacked(subject.model, surrogate=subject.evaluation.surrogate):
            search = PooledSearch(
                subject.model,
                limited,
                subject.data.maximum,
                examples,
                subject.threat_model,
                subject.evaluation.batch,
                subject.evaluation.every_iterate,
                subject.seed,
                subject.progress,
            )
            for target, name in enumerate(subject.data.classes):
                there, reached = wrong & (clean == target), torch.zeros_like(wrong)
                _attack(search, subject.evaluation, target, wrong & ~there, reached)
                count = int(there.sum())
                already.append(Point(name, Share(count, mistakes)))
                moved.append(Point(name, Share(int(reached.sum()), mistakes - count)))
        return finding(already, moved)


def finding(already: Iterable[Point], moved: Iterable[Point]) -> Finding:
    """The points of both curves, described."""
    return Finding(
        "Mistakes by target class",
        curves=(
            Curve("already", "mistakes whose clean prediction is the class", "target class", tuple(already)),
            Curve("moved", "other mistakes that can be turned into the class", "target class", tuple(moved)),
        ),
    )


def _attack(search: PooledSearch, evaluation: Evaluation, target: int, wanted: Tensor, reached: Tensor) -> None:
    """Move the `wanted` examples to `target`, and note in `reached` (a bool for each) which got there."""

    def goal(indices: Tensor) -> Goal:
        return evaluation.climbing(Targeted(torch.full_like(indices, target)))

    def record(candidates: Candidates) -> None:
        reached[candidates.indices] |= candidates.counts & (candidates.predictions == target)

    searches = evaluation.searches.values()
    search.run(f"targeted/{target}", searches, goal, lambda: wanted & ~reached, record)
