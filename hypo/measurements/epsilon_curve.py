"""Accuracies and risks of one trained model at other radii: a security evaluation curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal, PerExample
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.threat_models.norms import in_norm, written
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.measurements.finding import Curve, Finding, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.risks import Share
from hypo.settings import checks
from hypo.settings.errors import InputError

MULTIPLES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Of the run's radius, where none are given."""

ABOUT = {
    "A": "predictions that are correct, and that no adversary breaks",
    "F": "predictions that are correct, or that a false friend corrects",
    "R_adv_plus": "correct predictions that an adversary breaks",
    "R_hyp_minus": "mistakes that a false friend hides",
}
"""What the curves are of."""


@dataclass(frozen=True)
class EpsilonCurve:
    """A, F, R_adv⁺ and R_hyp⁻ over the radius of the attack (Madry et al. 2018, Figure 6).

    The searches are the evaluation's, from small radii to large: a smaller ball lies in a larger one, so that what
    was reached stays reached, and only the others are attacked again. From the run's own radius on, in its own
    norm, what its flags found counts too.

    Attributes:
        epsilons: the radii, each > 0, in units of the image range [0, 1]; None for `MULTIPLES` of `epsilon`. The
            clean images, at 0, are always there.
        norm: of the ball, "linf" or "l2"; None for the run's threat model.
        epsilon: the radius whose multiples are taken, > 0; None for the run's.
    """

    epsilons: tuple[float, ...] | None = None
    norm: Literal["linf", "l2"] | None = None
    epsilon: float | None = None

    def __post_init__(self) -> None:
        if self.epsilons is not None:
            if not self.epsilons:
                raise InputError("epsilons: takes at least one number, or null, got []")
            for epsilon in self.epsilons:
                checks.number("epsilons", epsilon, above=0)
            object.__setattr__(self, "epsilons", tuple(sorted(set(self.epsilons))))
        if self.epsilon is not None:
            checks.number("epsilon", self.epsilon, above=0)

    def check(self, experiment: Any, shape: tuple[int, int, int], classes: int) -> None:
        """Refuse, with InputError, searches that are not for the norm."""
        experiment.evaluation.check(in_norm(experiment.threat_model, self.norm, self.epsilon))

    def measure(self, subject: Subject) -> Finding:
        """Four curves over ε, none of which ever turns back."""
        own = subject.threat_model
        ball = in_norm(own, self.norm, self.epsilon)
        correct = torch.from_numpy(subject.flags.correct).to(subject.device)
        adv, hyp = (torch.from_numpy(flag).to(subject.device) for flag in (subject.flags.adv, subject.flags.hyp))
        flagged = torch.where(correct, adv, hyp)

        def goal(indices: Tensor) -> Goal:
            labels = subject.test.labels[indices]
            return PerExample(correct[indices], Adversarial(labels), Hypocritical(labels))

        reached = torch.zeros_like(correct)
        points = [(0.0, reached)]
        for epsilon in self._radii(ball):
            there = replace(ball, epsilon=epsilon)  # type: ignore[type-var]
            if type(there) is type(own) and epsilon >= own.epsilon:
                reached = reached | flagged
            # The noise is that of the flags, so that at the run's own radius the same searches are made.
            reached = reached | subject.reached("verification", goal, ~reached, there)
            points.append((epsilon, reached))
        norm = written(ball)
        return Finding(f"Accuracies and risks over ε, {norm}", curves=curves(points, correct, norm))

    def _radii(self, ball: ThreatModel) -> Sequence[float]:
        if self.epsilons is not None:
            return self.epsilons
        return [multiple * ball.epsilon for multiple in MULTIPLES]


def curves(
    points: Sequence[tuple[float, Tensor]],
    correct: Tensor,
    norm: str,
    about: Mapping[str, str] = ABOUT,
    suffix: str = "",
) -> tuple[Curve, ...]:
    """Four curves of what is reached at each radius.

    Args:
        points: the radii in their order, each with (examples,) bool: which correct predictions are broken there
            and which mistakes are hidden.
        correct: (examples,) bool, of the clean images.
        norm: of the ball, as a reader writes it.
        about: what each is of.
        suffix: of their names.
    """
    examples, plus = len(correct), int(correct.sum())
    shares: dict[str, list[Point]] = {name: [] for name in ABOUT}
    for epsilon, reached in points:
        broken, hidden = int((reached & correct).sum()), int((reached & ~correct).sum())
        shares["A"].append(Point(epsilon, Share(plus - broken, examples)))
        shares["F"].append(Point(epsilon, Share(plus + hidden, examples)))
        shares["R_adv_plus"].append(Point(epsilon, Share(broken, plus)))
        shares["R_hyp_minus"].append(Point(epsilon, Share(hidden, examples - plus)))
    over = f"ε of the attack, {norm}"
    return tuple(Curve(f"{name}{suffix}", about[name], over, tuple(each)) for name, each in shares.items())
