"""Examples held out of training, and the epoch that does best on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import Split
from hypo.defenses.defense import Defense
from hypo.settings.errors import InputError
from hypo.settings.precision import full_precision
from hypo.settings.randomness import generator
from hypo.training.recipe import Recipe

_SEED = 1  # not that of `Split.limited`: what is held out is not what a smaller limit would keep


def check(recipe: Recipe, available: int) -> None:
    """Refuse, with InputError, to hold out all of the training examples that there are."""
    examples = min(available, recipe.train_limit or available)
    if recipe.hold_out >= examples:
        raise InputError(
            f"recipe.hold_out: takes fewer than the {examples} training examples, got {recipe.hold_out}"
        )


def divided(split: Split, recipe: Recipe) -> tuple[Split, Tensor, Split]:
    """The training set within the recipe's limit, which of it is trained on (int64 indices), and what is held out.

    Which examples are held out is random but always the same, so that the runs of all seeds, and of all training
    sets made of one data set, hold out the same. What is trained on is not copied out of the training set.

    Raises:
        InputError: when nothing would be left to train on.
    """
    check(recipe, len(split))
    limited, _ = split.limited(recipe.train_limit)
    order = np.random.RandomState(_SEED).permutation(len(limited))
    parts = np.sort(order[recipe.hold_out :]), np.sort(order[: recipe.hold_out])
    trained_on, held_out = (torch.from_numpy(part).to(limited.labels.device) for part in parts)
    return limited, trained_on, limited.select(held_out)


def inner_attack(defense: Defense) -> ProjectedGradient | None:
    """The attack that a defense trains against; None where nothing is perturbed, as with λ = 0."""
    attack: ProjectedGradient | None = getattr(defense, "attack", None)
    return attack if getattr(defense, "lambda_", 1) > 0 else None


def accuracies(
    model: nn.Module,
    held_out: Split,
    maximum: int,
    defense: Defense,
    threat_model: ThreatModel,
    batch: int,
    seed: int,
) -> Tensor:
    """Accuracy on what is held out, as it is and under the defense's inner attack; nothing is read back.

    The attack goes up the cross-entropy, whatever the defense trains against (Rice et al. 2020, Section 4, select
    by robust accuracy), from points that are the same in every epoch; where it ends counts. All is in `eval()`
    mode and full precision, as in an evaluation.

    Args:
        model: left as found.
        held_out: on the model's device; its images are divided by `maximum`.
        batch: how many at once.

    Returns:
        (2,) clean and robust accuracy, the latter nan for a defense without inner attack; (0,) of no examples.
    """
    device, attack = held_out.labels.device, inner_attack(defense)
    if not len(held_out):
        return torch.empty(0, device=device)
    random = generator(device, seed, "held out")
    correct = torch.zeros(2, device=device)
    with full_precision(), attacked(model):
        for indices in torch.split(torch.arange(len(held_out), device=device), batch):
            images, labels = held_out.images[indices], held_out.labels[indices]
            clean = images.float() / maximum
            perturbed = attack.last(model, clean, Adversarial(labels), threat_model, random) if attack else clean
            with torch.no_grad():
                correct += torch.stack([(model(each).argmax(1) == labels).sum() for each in (clean, perturbed)])
    return correct / torch.tensor([len(held_out), len(held_out) if attack else torch.nan], device=device)


def best(
    before: dict[str, Any] | None,
    model: nn.Module,
    epoch: int,
    measured: Sequence[float],
    *,
    by_clean: bool = False,
) -> dict[str, Any]:
    """The better of `before` and the model as it is after `epoch`: its weights, its epoch, and its score.

    The score is robust accuracy and, where two are equal, clean accuracy; clean accuracy alone without an inner
    attack. Of epochs that are equal the earlier one stays.

    Args:
        measured: what `accuracies` returns.
        by_clean: whether clean accuracy alone is the score in any case.
    """
    clean, robust = measured
    score = [clean] if by_clean or math.isnan(robust) else [robust, clean]
    if before is not None and score <= before["score"]:
        return before
    weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
    return {"epoch": epoch, "score": score, "model": weights}
