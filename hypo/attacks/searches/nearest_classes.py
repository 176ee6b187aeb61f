"""Which classes are worth a try: those that would be the nearest if the logits were linear."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.gradients import climb
from hypo.attacks.threat_models.threat_model import ThreatModel

RANKED = 9
"""Of how many classes, those with the largest clean logits, the nearest are found; each costs a pass."""


def nearest_classes(model: nn.Module, images: Tensor, goal: Goal, threat_model: ThreatModel, count: int) -> Tensor:
    """(batch, at most `count`) int64, classes besides that at stake, that which seems to be the nearest first.

    Where none of those that are ranked is left out they are in the order of their logits: that needs no pass more.

    Args:
        model, images, goal: see `Search.step`.
        count: >= 1.
    """
    with torch.no_grad():
        logits = model(images)
    others = logits.scatter(1, goal.classes.unsqueeze(1), -torch.inf)
    count = min(count, logits.shape[1] - 1)
    likely = others.topk(min(max(count, RANKED), logits.shape[1] - 1), dim=1).indices
    if likely.shape[1] == count:
        return likely
    at_stake, distances = goal.classes.unsqueeze(1), []
    for rival in likely.split(1, dim=1):

        def behind(logits: Tensor, rival: Tensor = rival) -> Tensor:
            return (logits.gather(1, rival) - logits.gather(1, at_stake)).squeeze(1)

        _, value, gradient = climb(model, images, behind)
        slope = (gradient * threat_model.direction(gradient)).flatten(1).sum(1)
        distances.append(-value / slope.clamp_min(1e-12))
    nearest = torch.stack(distances, dim=1).topk(count, dim=1, largest=False).indices
    return likely.gather(1, nearest)
