"""How many mistakes can be turned into each class (Tao et al. 2022, Figures 3 and 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.targeted import Targeted
from hypo.measurements.finding import Curve, Finding, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.risks import Share


@dataclass(frozen=True)
class TargetedRates:
    """For each class, the mistakes that are it already, and those of the others that the attack moves there.

    The attack is the evaluation's; see `Subject.reached`.
    """

    def measure(self, subject: Subject) -> Finding:
        """Two curves over the classes, of D⁻: "already" out of all of it, "moved" out of the others."""
        clean = torch.from_numpy(subject.flags.clean_prediction).to(subject.device)
        wrong = ~torch.from_numpy(subject.flags.correct).to(subject.device)
        mistakes = int(wrong.sum())
        already, moved = [], []
        for target, name in enumerate(subject.data.classes):

            def goal(indices: Tensor, target: int = target) -> Goal:
                return Targeted(torch.full_like(indices, target))

            there = wrong & (clean == target)
            reached = subject.reached(f"targeted/{target}", goal, wrong & ~there)
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
