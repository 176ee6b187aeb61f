"""How to look for perturbed images, whatever is looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.model_state import attacked
from hypo.attacks.threat_models.threat_model import ThreatModel

State = dict[str, Tensor]
"""All that a search knows of each example of a batch, by name; the first dimension of every tensor is the example.

"points" is where it stands, (batch, channels, height, width) in [0, 1]: what the next step looks at and, after the
last one, what it found, in the ball.
"""


@dataclass(frozen=True)
class Visit:
    """What one step looked at, and where it leads.

    Attributes:
        state: after the step; for the same examples in the same order.
        logits: (batch, classes) at the points that the search stood at before it, without gradient.
        inside: (batch,) bool, which of these points lie in the ball; None where all do.
    """

    state: State
    logits: Tensor
    inside: Tensor | None = None


class Search(Protocol):
    """How to look, in the ball around each image, for a point that reaches a goal.

    An example's search may hang on nothing but the example: not on which others are in its batch, which change
    as examples are decided and leave.

    One whose steps are all alike, whatever their number, says so by a class variable `alike = True`. It takes a
    (batch,) tensor of numbers too, each example's own, so that examples need not keep in step.

    One that is not for every threat model has a method `check(threat_model)` too: InputError, a line that says
    which it takes and which it got.
    """

    @property
    def steps(self) -> int:
        """How many points each restart looks at before the one that it ends at, >= 1."""
        ...

    @property
    def restarts(self) -> int:
        """Independent searches with new noise, >= 1."""
        ...

    def begin(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> State:
        """Where a search for `goal` begins.

        Args:
            images: (batch, channels, height, width) in [0, 1].
            noise: of their shape, standard normal and each example's own: all that is random about the search.
        """
        ...

    def step(
        self,
        model: nn.Module,
        state: State,
        images: Tensor,
        goal: Goal,
        threat_model: ThreatModel,
        number: Any,
    ) -> Visit:
        """One step of every example of a batch; nothing is read back from the device, and `state` is left as is.

        Args:
            model: frozen and in `eval()` mode, see `attacked`.
            images: the centres of the balls.
            number: which step of the restart this is, from 0: an int, and see above.
        """
        ...

    def leaving_clean(self) -> Search:
        """The same search, but not from the clean image, where a goal may have nothing to climb."""
        ...


def best(
    search: Search,
    model: nn.Module,
    images: Tensor,
    goal: Goal,
    threat_model: ThreatModel,
    random: torch.Generator,
    *,
    first: bool = False,
) -> Tensor:
    """`best_from` the noise that `random`, a generator on the images' device, draws for each restart."""
    noises = (torch.randn(images.shape, generator=random, device=images.device) for _ in range(search.restarts))
    return best_from(noises, search, model, images, goal, threat_model, first=first)


def best_from(
    noises: Iterable[Tensor],
    search: Search,
    model: nn.Module,
    images: Tensor,
    goal: Goal,
    threat_model: ThreatModel,
    *,
    surrogate: bool = True,
    first: bool = False,
) -> Tensor:
    """The point of largest margin among the clean images and all that any restart visits in the ball.

    A reached goal has a positive margin, so this keeps successes before near misses, and is never worse than the
    start.

    Args:
        noises: for each restart what it begins with, see `Search.begin`.
        model: any mode; left as found. During the search it is frozen and in `eval()` mode.
        images: (batch, channels, height, width) in [0, 1].
        surrogate: see `attacked`.
        first: whether an example's search is over with the first point that reaches its goal, which is then kept
            whatever comes after it.

    Returns:
        Perturbed images of the same shape, in the ball and in [0, 1].
    """
    with attacked(model), torch.no_grad():
        found, largest = images, goal.margin(model(images))

    def keep(points: Tensor, logits: Tensor, inside: Tensor | None = None) -> None:
        nonlocal found, largest
        margin = goal.margin(logits)
        better = margin > largest  # False for a margin that is not a number
        if inside is not None:
            better &= inside
        if first:
            better &= largest <= 0
        found = torch.where(each(better, images), points, found)
        largest = torch.where(better, margin, largest)

    with attacked(model, surrogate=surrogate):
        for noise in noises:
            state = in_ball(search.begin(images, goal, threat_model, noise), images, threat_model)
            for number in range(search.steps):
                visit = search.step(model, state, images, goal, threat_model, number)
                keep(state["points"], visit.logits, visit.inside)
                state = visit.state
            with torch.no_grad():
                keep(state["points"], model(state["points"]))
    return found


def in_ball(state: State, images: Tensor, threat_model: ThreatModel) -> State:
    """`state` of a search that begins in the ball around each of `images`, wherever it meant to."""
    return {**state, "points": threat_model.project(state["points"], images)}


def nothing_seen(points: Tensor) -> State:
    """What `best_seen` begins with, at `points`: a margin of −∞."""
    return {"best": points, "margin": torch.full_like(points.flatten(1)[:, 0], -torch.inf)}


def best_seen(state: State, margin: Tensor) -> State:
    """ "best", the point of largest "margin" so far, after one of `margin` (batch,) was seen at "points"."""
    better = margin > state["margin"]
    best = torch.where(each(better, state["points"]), state["points"], state["best"])
    return {"best": best, "margin": torch.where(better, margin, state["margin"])}


def each(flag: Tensor, images: Tensor) -> Tensor:
    """A (batch,) flag in the shape (batch, 1, 1, 1), to choose between images."""
    return flag.view(-1, *[1] * (images.dim() - 1))
