"""Linear models, and how far each goal is from each image there."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linprog, nnls
from small_attacks import PIXELS, interior_images, random_generator
from small_models import linear_model
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal, PerExample
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.margin import Margin
from hypo.attacks.goals.stability import Stability
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.threat_models.linf import Linf

GOALS = ("adversarial", "hypocritical", "stability", "targeted", "mixed")


def problem(seed: int, classes: int, name: str) -> tuple[nn.Module, Tensor, Goal]:
    """A linear model, images that are far from 0 and 1, and a goal of this name.

    The classes are about as likely, so that every boundary is nearer than 0 and 1 are.
    """
    random = random_generator(seed)
    images = interior_images(random, batch=4)
    weight = torch.randn(classes, PIXELS, generator=random)
    bias = -(images.flatten(1).mean(0) @ weight.T) + 0.1 * torch.randn(classes, generator=random)
    model = linear_model(weight, bias)
    labels = torch.randint(classes, (len(images),), generator=random)
    with torch.no_grad():
        clean = model(images)
    made: dict[str, Goal] = {
        "adversarial": Adversarial(labels),
        "hypocritical": Hypocritical(labels),
        "stability": Stability(clean),
        "targeted": Targeted((clean.argmax(1) + 1) % classes),
        "mixed": PerExample(clean.argmax(1) == labels, Margin(Adversarial(labels)), Margin(Hypocritical(labels))),
    }
    return model, images, made[name]


def distances(model: nn.Module, images: Tensor, goal: Goal, kind: type) -> Tensor:
    """(batch,) of the nearest point, in the norm of `kind`, beyond which the goal is reached; 0 where it is."""
    weight = model[1].weight.detach().double().numpy()  # type: ignore[index]
    with torch.no_grad():
        logits = model(images).double().numpy()
    wanted = torch.as_tensor(goal.wanted).expand(len(images))
    found = []
    for z, at, into in zip(logits, goal.classes.tolist(), wanted.tolist(), strict=True):
        others = np.arange(len(z)) != at
        normals, behind = weight[at] - weight[others], z[others] - z[at]
        if into:  # the class has to be ahead of all others
            found.append(_polyhedron(normals, behind, kind))
        else:  # any of these may be ahead
            each = (-behind).clip(0) / np.linalg.norm(normals, 1 if kind is Linf else 2, axis=1)
            found.append(each.min())
    return torch.tensor(np.array(found), dtype=torch.float32)


def _polyhedron(normals: np.ndarray, least: np.ndarray, kind: type) -> float:
    """The smallest norm of any x with `normals`·x >= `least`."""
    rows, columns = normals.shape
    if kind is Linf:  # over (x, t): minimise t >= |x_i|
        eye, ones = np.eye(columns), np.ones((columns, 1))
        bounds = np.block([[-normals, np.zeros((rows, 1))], [eye, -ones], [-eye, -ones]])
        cost, limits = np.r_[np.zeros(columns), 1], np.r_[-least, np.zeros(2 * columns)]
        return linprog(cost, A_ub=bounds, b_ub=limits, bounds=(None, None)).fun
    # Lawson and Hanson (1974), Chapter 23, Algorithm LDP.
    multipliers, _ = nnls(np.vstack([normals.T, least]), np.r_[np.zeros(columns), 1])
    residual = np.vstack([normals.T, least]) @ multipliers - np.r_[np.zeros(columns), 1]
    return float(np.linalg.norm(residual[:-1] / residual[-1]))
