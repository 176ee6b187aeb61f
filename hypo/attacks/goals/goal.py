"""What an attack is after, apart from how it searches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Goal(Protocol):
    """What counts as success for each example of a batch, and what to climb to get there."""

    @property
    def starts_gaussian(self) -> bool | Tensor:
        """Whether the code of Tao et al. 2022 starts at x + 0.01·N(0, 1) and not anywhere in the ball.

        One for all examples, or (batch,) bool.
        """
        ...

    @property
    def classes(self) -> Tensor:
        """(batch,) int64, the class of each example that is at stake."""
        ...

    @property
    def wanted(self) -> bool | Tensor:
        """Whether the prediction is to become that class, and not any other.

        One for all examples, or (batch,) bool.
        """
        ...

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) differentiable, to be maximised, from (batch, classes) logits of perturbed images."""
        ...

    def margin(self, logits: Tensor) -> Tensor:
        """(batch,) positive exactly where the goal is reached, and larger the further it is past the line."""
        ...


@dataclass(frozen=True)
class OtherObjective:
    """`goal`, reached where it is, for whoever has something else to climb: a subclass says what."""

    goal: Goal

    @property
    def starts_gaussian(self) -> bool | Tensor:
        """That of the goal."""
        return self.goal.starts_gaussian

    @property
    def classes(self) -> Tensor:
        """Those of the goal."""
        return self.goal.classes

    @property
    def wanted(self) -> bool | Tensor:
        """As for the goal."""
        return self.goal.wanted

    def margin(self, logits: Tensor) -> Tensor:
        """(batch,) positive where the goal is reached."""
        return self.goal.margin(logits)


@dataclass(frozen=True)
class PerExample:
    """`chosen` where `condition` holds and `otherwise` elsewhere, so that one batch serves two goals.

    Attributes:
        condition: (batch,) bool.
    """

    condition: Tensor
    chosen: Goal
    otherwise: Goal

    @property
    def starts_gaussian(self) -> Tensor:
        """(batch,) bool, each example's own."""
        return torch.where(self.condition, self.chosen.starts_gaussian, self.otherwise.starts_gaussian)

    @property
    def classes(self) -> Tensor:
        """(batch,) each example's own."""
        return torch.where(self.condition, self.chosen.classes, self.otherwise.classes)

    @property
    def wanted(self) -> Tensor:
        """(batch,) bool, each example's own."""
        return torch.where(self.condition, self.chosen.wanted, self.otherwise.wanted)

    def objective(self, logits: Tensor) -> Tensor:
        """(batch,) each example's own objective."""
        return torch.where(self.condition, self.chosen.objective(logits), self.otherwise.objective(logits))

    def margin(self, logits: Tensor) -> Tensor:
        """(batch,) each example's own margin."""
        return torch.where(self.condition, self.chosen.margin(logits), self.otherwise.margin(logits))


def lead(logits: Tensor, classes: Tensor) -> Tensor:
    """(batch,) by how much the logit of `classes` (batch,) exceeds the largest of the others.

    The class itself is masked with −inf: multiplying it away would leave 0 standing as the largest of the
    others where all logits are negative.
    """
    column = classes.unsqueeze(1)
    others = logits.scatter(1, column, float("-inf")).amax(1)
    return logits.gather(1, column).squeeze(1) - others
