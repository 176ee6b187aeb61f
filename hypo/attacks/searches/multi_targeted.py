"""Towards one class after the other, by steps that grow short."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal, PerExample
from hypo.attacks.goals.logits_difference import LogitsDifference
from hypo.attacks.goals.logits_ratio import LogitsRatio
from hypo.attacks.searches.gradients import climb, unless_stalled
from hypo.attacks.searches.hashing import another
from hypo.attacks.searches.nearest_classes import nearest_classes
from hypo.attacks.searches.reaching import annealed
from hypo.attacks.searches.search import State, Visit, best_seen, each, nothing_seen
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings import checks

LENGTHS = (1.0, 0.01)
"""Of the first and of the last step of an ascent, in units of ε."""


@dataclass(frozen=True)
class MultiTargeted:
    """MultiTargeted (Gowal et al. 2019): projected ascents, each up the difference of two logits.

    A class that is to be left has several rivals, tried one after the other, each from another random point in the
    ball (ℓ2: on the sphere). A class that is wanted has one ascent with all the steps, up a `LogitsRatio`: the
    difference would be its margin, which minimum-norm searches climb already. It ends at the point of largest
    margin or, where the goal was not reached, one step further than it has looked.

    Three things are not as published, where every class is a rival, all with as many steps of one length. The
    rivals here are those that would be the nearest if the logits were linear. The first has four times as many
    steps as the second and nine times as many as the third: what can be reached is mostly reached there, and what
    lies just within the ball by many steps alone. And their length falls along half a cosine.

    Attributes:
        steps, restarts: see `Search`; the steps of all ascents together.
        targets: how many rivals, >= 1.
    """

    steps: int = 50
    restarts: int = 1
    targets: int = 3

    def __post_init__(self) -> None:
        checks.integer("steps", self.steps, at_least=1)
        checks.integer("restarts", self.restarts, at_least=1)
        checks.integer("targets", self.targets, at_least=1)

    def begin(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> State:
        """At a random point."""
        points = threat_model.project(images + threat_model.uniform(noise), images)
        return {"points": points, "noise": noise, **nothing_seen(points)}

    def step(
        self, model: nn.Module, state: State, images: Tensor, goal: Goal, threat_model: ThreatModel, number: int
    ) -> Visit:
        """One step of an ascent; see `Search.step`."""
        if number == 0:
            state = {**state, "rivals": nearest_classes(model, images, goal, threat_model, self.targets)}
        points, noise, rivals = state["points"], state["noise"], state["rivals"]
        begins = begins_of_ascents(self.steps, rivals.shape[1])
        ascent = bisect_right(begins, number) - 1
        first, end = begins[ascent], [*begins, self.steps][bisect_right(begins, number)]

        wanted = torch.as_tensor(goal.wanted, device=images.device).expand(len(images))
        rival = rivals[:, ascent]
        climbed = PerExample(wanted, LogitsRatio(goal, rival), LogitsDifference(goal, rival))
        logits, _, gradient = climb(model, points, climbed.objective)
        state = {**state, **best_seen(state, goal.margin(logits))}

        of_all, of_ascent = number / self.steps, (number - first) / (end - first)
        length = threat_model.epsilon * torch.where(
            wanted, annealed(LENGTHS, of_all), annealed(LENGTHS, of_ascent)
        )
        direction = threat_model.direction(unless_stalled(gradient, noise, number))
        moved = threat_model.project(points + each(length, images) * direction, images)
        if number + 1 == self.steps:
            moved = torch.where(each(state["margin"] > 0, images), state["best"], moved)
        elif number + 1 == end:
            random = threat_model.project(images + threat_model.uniform(another(noise, ascent)), images)
            moved = torch.where(each(wanted, images), moved, random)
        return Visit({**state, "points": moved}, logits)

    def leaving_clean(self) -> MultiTargeted:
        """Itself: it never begins at the clean image."""
        return self


def begins_of_ascents(steps: int, ascents: int) -> list[int]:
    """At which of the `steps` each begins, the part of each being 1 over the square of its rank."""
    ends = list(accumulate(1 / rank**2 for rank in range(1, ascents + 1)))
    return [0, *(round(steps * end / ends[-1]) for end in ends[:-1])]
