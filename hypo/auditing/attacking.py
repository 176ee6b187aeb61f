"""`hypo.attack`: images moved as far towards a goal as the searches find."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.stability import Stability
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.model_state import attacked
from hypo.auditing.chosen import evaluation as evaluation_named
from hypo.auditing.chosen import threat_model
from hypo.auditing.defaults import EVALUATION
from hypo.auditing.given import checked_images, checked_labels, device_of, probed
from hypo.datasets.images import Split
from hypo.measurements.around import Around
from hypo.measurements.pooled_search import parts
from hypo.settings import checks
from hypo.settings.device import few_threads
from hypo.settings.precision import full_precision

GOALS = ("hypocritical", "adversarial", "stability", "targeted")


def attack(
    model: nn.Module,
    images: Any,
    labels: Any,
    epsilon: float,
    norm: str = "linf",
    *,
    goal: Literal["hypocritical", "adversarial", "stability", "targeted"] = "hypocritical",
    evaluation: str = EVALUATION,
    seed: int = 0,
) -> Tensor:
    """`images`, each moved as far towards a goal as is found: a hidden mistake, a broken prediction.

    >>> import torch
    >>> from hypo import attack
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> images, labels = torch.rand(20, 1, 2, 2), torch.randint(2, (20,))
    >>> perturbed = attack(model, images, labels, epsilon=0.1, goal="adversarial")
    >>> bool(((perturbed - images).abs() <= 0.1 + 1e-6).all())
    True

    Args:
        model: as of `risks`.
        images: (batch, channels, height, width) float in [0, 1].
        labels: (batch,) whole numbers: the true classes, of "targeted" those that are wanted.
        epsilon, norm, seed: as of `risks`.
        goal: "hypocritical", the label is predicted, "adversarial", it is not, "stability", another class than for
            the image itself is, or "targeted".
        evaluation: whose searches look for it, "strongest" or a quicker one, such as "pgd20"; of all points that
            they visit that of the largest margin is taken.

    Returns:
        Images of the same shape on the model's device, in the ball around `images` and in [0, 1]. Where nothing
        reaches the goal, the best try.

    Raises:
        hypo.settings.errors.InputError: a ValueError, for what cannot be attacked, in one line.
    """
    ball, device = threat_model(norm, epsilon), device_of(model)
    checks.choice("goal", goal, GOALS)
    checks.integer("seed", seed, at_least=0)
    clean = checked_images("images", torch.as_tensor(images)).to(device)
    wanted = checked_labels("labels", torch.as_tensor(labels), len(clean)).to(device)
    if not len(clean):
        return clean
    chosen = evaluation_named(evaluation, clean.shape[1:])
    examples = torch.arange(len(clean), device=device)
    with few_threads(model, chosen.batch), full_precision(), torch.enable_grad():
        probed(model, Split(clean, wanted))
        with attacked(model, surrogate=chosen.surrogate):
            around = Around(model, chosen, seed, lambda done, total: None)
            found = [
                around.strongest(goal, clean[part], examples[part], _goal(goal, model, clean, wanted, part), ball)
                for part in parts(len(clean), chosen.batch)
            ]
    return torch.cat(found)


def _goal(name: str, model: nn.Module, images: Tensor, labels: Tensor, part: slice) -> Goal:
    if name == "stability":
        with torch.no_grad():
            return Stability(model(images[part]))
    if name == "adversarial":
        return Adversarial(labels[part])
    return Hypocritical(labels[part]) if name == "hypocritical" else Targeted(labels[part])
