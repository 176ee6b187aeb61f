"""What searches know that look for the nearest point that reaches a goal, in the ball or outside it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hypo.attacks.searches.search import State, each
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings import checks
from hypo.settings.errors import InputError


def nothing_reached(images: Tensor) -> State:
    """What `nearest_reached` begins with."""
    return {"nearest": images, "distance": torch.full_like(images.flatten(1)[:, 0], torch.inf)}


def nearest_reached(state: State, distance: Tensor, reached: Tensor) -> State:
    """What is known after "points" were seen at `distance` (batch,), where the goal is `reached` (batch,) or not.

    Returns:
        "nearest", the nearest point so far that reached the goal, and "distance", (batch,), how far that is,
        infinite where none did.
    """
    nearer = reached & (distance < state["distance"])
    nearest = torch.where(each(nearer, state["points"]), state["points"], state["nearest"])
    return {"nearest": nearest, "distance": torch.where(nearer, distance, state["distance"])}


def end(state: State, images: Tensor, threat_model: ThreatModel) -> Tensor:
    """In the ball: "nearest" or, where that lies outside, the way there; "points" where nothing was reached."""
    distance = state["distance"]
    found = torch.where(each(distance.isfinite(), images), state["nearest"], state["points"])
    # A point that is inside stays as it is: to project it would round it, and it lies at the very boundary.
    held = each(distance <= threat_model.epsilon, images)
    return torch.where(held, found, threat_model.project(found, images))


def furthest(images: Tensor, threat_model: ThreatModel) -> Tensor:
    """(batch,) the distance of the image in [0, 1] that is furthest from each of `images`."""
    return threat_model.distance((images < 0.5).to(images.dtype), images)


def check_start(start: str, restarts: int) -> None:
    """Refuse, with InputError, other starts than "clean" and "uniform", and restarts that are all the same."""
    checks.choice("start", start, ("clean", "uniform"))
    if restarts > 1 and start == "clean":
        raise InputError(
            f"restarts: takes 1 with start=clean, where all would be the same, got {restarts}"
            " (start=uniform has them differ)"
        )


def annealed(ends: tuple[float, float], part: float) -> float:
    """From the first of `ends` to the last, along half a cosine, as `part` goes from 0 to 1."""
    first, last = ends
    return last + (first - last) * (1 + math.cos(math.pi * part)) / 2
