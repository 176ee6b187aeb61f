"""Auto-PGD: projected gradient ascent with momentum, whose step length follows from how it fares."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.logits_ratio import LogitsRatio
from hypo.attacks.goals.margin import Margin
from hypo.attacks.searches.gradients import climb, unless_stalled
from hypo.attacks.searches.hashing import another
from hypo.attacks.searches.nearest_classes import nearest_classes
from hypo.attacks.searches.search import State, Visit, best_seen, each, nothing_seen
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings import checks

FIRST_LENGTH = 2.0
"""Of a step, in units of ε."""

MOMENTUM = 0.75
"""How much of a step is new; the rest goes on as the one before."""

GAINING = 0.75
"""The share of the steps since the last checkpoint that have to gain for the length to stay."""


@dataclass(frozen=True)
class AutoPGD:
    """APGD (Croce and Hein 2020, Algorithm 1): at checkpoints the step is halved where it gained too little.

    It then goes on from the best point so far. All of this is each example's own. It begins anywhere in the ball
    (ℓ2: on the sphere) and ends at the point of largest margin.

    Attributes:
        steps, restarts: see `Search`.
        objective: what is climbed, "goal" the goal's own, "margin" its margin, "targeted_dlr" a `LogitsRatio`.
        targets: of "targeted_dlr", how many rivals of a class that is to be left, >= 1: those that would be the
            nearest if the logits were linear (published: those with the largest logits), one after the other, each
            for its share of the steps and from another random point. A class that is wanted is the one target
            there is.
    """

    steps: int = 100
    restarts: int = 1
    objective: Literal["goal", "margin", "targeted_dlr"] = "goal"
    targets: int = 9

    def __post_init__(self) -> None:
        checks.integer("steps", self.steps, at_least=1)
        checks.integer("restarts", self.restarts, at_least=1)
        checks.choice("objective", self.objective, ("goal", "margin", "targeted_dlr"))
        checks.integer("targets", self.targets, at_least=1)

    def begin(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> State:
        """At a random point."""
        points = threat_model.project(images + threat_model.uniform(noise), images)
        return {"points": points, "noise": noise, **nothing_seen(points)}

    def step(
        self, model: nn.Module, state: State, images: Tensor, goal: Goal, threat_model: ThreatModel, number: int
    ) -> Visit:
        """One step of the ascent, and from the last to the best point; see `Search.step`."""
        if self.objective == "targeted_dlr" and number == 0:
            ascents = min(self.targets, self.steps)
            state = {**state, "rivals": nearest_classes(model, images, goal, threat_model, ascents)}
        place = _place(number, self.steps, state["rivals"].shape[1] if "rivals" in state else 1)
        climbed = self._climbed(goal, state, place.ascent)
        logits, value, gradient = climb(model, state["points"], climbed.objective)
        state = {**state, **best_seen(state, goal.margin(logits))}
        gradient = unless_stalled(gradient, state["noise"], number)

        def after(place: _Place) -> State:
            return _after(state, value, gradient, images, threat_model, place)

        if place.length == self.steps:
            state = after(place)
        else:  # a class that is wanted is the one target there is
            wanted = torch.as_tensor(goal.wanted, device=images.device).expand(len(images))
            state = _either(wanted, after(_place(number, self.steps, 1)), after(place))
        if number + 1 == self.steps:
            state["points"] = state["best"]
        return Visit(state, logits)

    def leaving_clean(self) -> AutoPGD:
        """Itself: it never begins at the clean image."""
        return self

    def _climbed(self, goal: Goal, state: State, ascent: int) -> Goal:
        if self.objective == "targeted_dlr":
            return LogitsRatio(goal, state["rivals"][:, ascent])
        return Margin(goal) if self.objective == "margin" else goal


@dataclass(frozen=True)
class _Place:
    """Where a step is: in which ascent, how many steps that one has taken before it, and how many it takes."""

    ascent: int
    taken: int
    length: int


def _place(number: int, steps: int, ascents: int) -> _Place:
    """Where step `number` is if as many ascents share the steps."""
    begins = [ascent * steps // ascents for ascent in range(ascents + 1)]
    ascent = bisect_right(begins, number) - 1
    return _Place(ascent, number - begins[ascent], begins[ascent + 1] - begins[ascent])


def _after(
    state: State, value: Tensor, gradient: Tensor, images: Tensor, threat_model: ThreatModel, place: _Place
) -> State:
    """The ascent after a step that found a `value` and a `gradient` at "points"."""
    begins, since = place.taken == 0, since_checkpoint(place.length).get(place.taken)
    state = _begun(state, value, gradient, threat_model) if begins else _compared(state, value, gradient)
    state = state if since is None else _checked(state, since)
    state = _moved(state, images, threat_model, 1.0 if begins else MOMENTUM)
    if place.taken + 1 == place.length:
        random = threat_model.uniform(another(state["noise"], place.ascent))
        state["points"] = threat_model.project(images + random, images)
    return state


def _either(condition: Tensor, chosen: State, otherwise: State) -> State:
    """One of two states for each example, by `condition` (batch,)."""
    return {
        name: torch.where(condition.view(-1, *[1] * (tensor.dim() - 1)), tensor, otherwise[name])
        for name, tensor in chosen.items()
    }


@lru_cache(maxsize=64)
def since_checkpoint(steps: int) -> Mapping[int, int]:
    """The checkpoints of an ascent, each with how many steps lie between it and the one before."""
    percents, following = [0, 22], 41
    while following < 100:
        percents.append(following)
        following += max(percents[-1] - percents[-2] - 3, 6)
    at = sorted({math.ceil(percent * steps / 100) for percent in percents})
    return {this: this - before for before, this in pairwise(at)}


def _begun(state: State, value: Tensor, gradient: Tensor, threat_model: ThreatModel) -> State:
    """An ascent that has seen nothing but where it begins."""
    points = state["points"]
    return {
        **state,
        "previous": points,
        "gradient": gradient,
        "value": value,
        "top": points,
        "top_gradient": gradient,
        "top_value": value,
        "length": torch.full_like(value, FIRST_LENGTH * threat_model.epsilon),
        "gains": torch.zeros_like(value),
        "checked_value": value,
        "halved": torch.zeros_like(value, dtype=torch.bool),
    }


def _compared(state: State, value: Tensor, gradient: Tensor) -> State:
    """The ascent having seen a `value` and a `gradient` at "points"."""
    higher = value > state["top_value"]
    wide = each(higher, gradient)
    return {
        **state,
        "gradient": gradient,
        "value": value,
        "top": torch.where(wide, state["points"], state["top"]),
        "top_gradient": torch.where(wide, gradient, state["top_gradient"]),
        "top_value": torch.where(higher, value, state["top_value"]),
        "gains": state["gains"] + (value > state["value"]),
    }


def _checked(state: State, since: int) -> State:
    """The ascent at a checkpoint, `since` steps after the one before: its conditions 1 and 2."""
    no_higher = ~state["halved"] & (state["top_value"] <= state["checked_value"])
    poor = (state["gains"] < GAINING * since) | no_higher
    wide = each(poor, state["points"])
    return {
        **state,
        "points": torch.where(wide, state["top"], state["points"]),
        "gradient": torch.where(wide, state["top_gradient"], state["gradient"]),
        "value": torch.where(poor, state["top_value"], state["value"]),
        "length": torch.where(poor, state["length"] / 2, state["length"]),
        "gains": torch.zeros_like(state["gains"]),
        "checked_value": state["top_value"],
        "halved": poor,
    }


def _moved(state: State, images: Tensor, threat_model: ThreatModel, new: float) -> State:
    """The ascent one step on, of which the part `new` is along the gradient."""
    points = state["points"]
    stepped = points + each(state["length"], images) * threat_model.direction(state["gradient"])
    ahead = threat_model.project(stepped, images) - points
    moved = points + new * ahead + (1 - new) * (points - state["previous"])
    return {**state, "points": threat_model.project(moved, images), "previous": points}
