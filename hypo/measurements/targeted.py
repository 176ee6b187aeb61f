"""How many mistakes can be turned into each class (Tao et al. 2022, Figures 3 and 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.model_state import attacked
from hypo.datasets.images import Split
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.findings import TargetedRate
from hypo.measurements.pooled_search import Candidates, PooledSearch, Progress
from hypo.measurements.risks import Flags, Share
from hypo.settings.precision import full_precision
from hypo.threat_models.threat_model import ThreatModel


def targeted_rates(
    model: nn.Module,
    test: Split,
    maximum: int,
    threat_model: ThreatModel,
    evaluation: Evaluation,
    seed: int,
    classes: int,
    flags: Flags,
    progress: Progress = lambda done, total: None,
) -> list[TargetedRate]:
    """The rate for each class as the target, in the classes' order.

    These candidates do not enter the flags, so that accuracies and risks stay comparable with those of runs
    that are evaluated without targets.

    Args:
        model, test, maximum, seed: as for `evaluate`, which found `flags`.
        classes: how many there are.
    """
    limited, examples = test.limited(evaluation.test_limit)
    device = limited.labels.device
    clean = torch.from_numpy(flags.clean_prediction).to(device)
    wrong = ~torch.from_numpy(flags.correct).to(device)
    mistakes = int(wrong.sum())
    rates = []
    with full_precision(), attacked(model, surrogate=evaluation.surrogate):
        search = PooledSearch(
            model,
            limited,
            maximum,
            examples,
            threat_model,
            evaluation.batch,
            evaluation.every_iterate,
            seed,
            progress,
        )
        for target in range(classes):
            already, reached = wrong & (clean == target), torch.zeros_like(wrong)
            _attack(search, evaluation, target, wrong & ~already, reached)
            there = int(already.sum())
            rates.append(TargetedRate(Share(there, mistakes), Share(int(reached.sum()), mistakes - there)))
    return rates


def _attack(search: PooledSearch, evaluation: Evaluation, target: int, wanted: Tensor, reached: Tensor) -> None:
    """Move the `wanted` examples to `target`, and note in `reached` (a bool for each) which got there."""

    def goal(indices: Tensor) -> Goal:
        return evaluation.climbing(Targeted(torch.full_like(indices, target)))

    def record(candidates: Candidates) -> None:
        reached[candidates.indices] |= candidates.counts & (candidates.predictions == target)

    searches = evaluation.searches.values()
    search.run(f"targeted/{target}", searches, goal, lambda: wanted & ~reached, record)
