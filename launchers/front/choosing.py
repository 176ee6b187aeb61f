"""Which λ of which method are run next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from launchers.front.steps import Step


@dataclass(frozen=True)
class Choice:
    """A λ that divides a step of a method.

    Attributes:
        method: its place among the methods.
    """

    method: int
    lambda_: float
    step: Step


def choose(steps: Sequence[Sequence[Step]], costs: Sequence[int], left: int) -> list[Choice]:
    """The λ in the middle of every step that is to be divided, the widest first, as far as the budget goes.

    Args:
        steps: by method.
        costs: how many runs a λ of each method takes: its seeds.
        left: how many runs there may still be.
    """
    wide = [
        Choice(method, step.middle, step)
        for method, of_method in enumerate(steps)
        for step in of_method
        if step.middle is not None
    ]
    chosen = []
    for choice in sorted(wide, key=lambda choice: choice.step.change.size, reverse=True):
        if costs[choice.method] <= left:
            left -= costs[choice.method]
            chosen.append(choice)
    return chosen
