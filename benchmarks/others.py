"""A and F as a user computes them with other libraries: attack every example, once for each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient

TORCHATTACKS_MISSING = (
    "torchattacks is not installed and left out; it comes with: pip install --no-deps torchattacks"
)


@dataclass(frozen=True)
class Task:
    """What is to be computed.

    Attributes:
        model: in `eval()` mode.
        images: (examples, channels, height, width) float in [0, 1].
        labels: (examples,) int64.
        attack: whose steps, step length and start (uniform in the ℓ∞ ball, or clean) are to be used.
        batch: how many at once.
    """

    model: nn.Module
    images: Tensor
    labels: Tensor
    epsilon: float
    attack: ProjectedGradient
    batch: int

    def in_default_layout(self) -> Task:
        """The same in PyTorch's default memory layout, the one that users of other libraries have."""
        model = copy.deepcopy(self.model).to(memory_format=torch.contiguous_format)
        return Task(model, self.images.contiguous(), self.labels, self.epsilon, self.attack, self.batch)


Flags = tuple[np.ndarray, np.ndarray]
"""(examples,) bool each: `adv`, attacked and then misclassified; `hyp`, attacked and then classified right."""


def foolbox_linf_pgd(task: Task) -> Flags:
    """With foolbox's LinfPGD and its two criteria."""
    from foolbox.attacks import LinfPGD
    from foolbox.criteria import Misclassification, TargetedMisclassification
    from foolbox.models.pytorch import PyTorchModel

    model = PyTorchModel(task.model, bounds=(0, 1), device=task.images.device)
    attack = LinfPGD(
        rel_stepsize=task.attack.relative_step,
        steps=task.attack.steps,
        random_start=task.attack.start == "uniform",
    )

    def succeeds(criterion: Callable[[Tensor], Any], images: Tensor, labels: Tensor) -> Tensor:
        _, _, success = attack(model, images, criterion(labels), epsilons=task.epsilon)
        return success

    adv = partial(succeeds, Misclassification)
    hyp = partial(succeeds, TargetedMisclassification)
    return _in_batches(task, adv), _in_batches(task, hyp)


def torchattacks_pgd(task: Task) -> Flags:
    """With torchattacks' PGD, untargeted and targeted at the label."""
    import torchattacks

    def attack(*, targeted: bool) -> Callable[[Tensor, Tensor], Tensor]:
        pgd = torchattacks.PGD(
            task.model,
            eps=task.epsilon,
            alpha=task.attack.relative_step * task.epsilon,
            steps=task.attack.steps,
            random_start=task.attack.start == "uniform",
        )
        if targeted:
            pgd.set_mode_targeted_by_label(quiet=True)

        def hits_label(images: Tensor, labels: Tensor) -> Tensor:
            perturbed = pgd(images, labels)
            with torch.no_grad():
                return task.model(perturbed).argmax(1) == labels

        return hits_label

    return ~_in_batches(task, attack(targeted=False)), _in_batches(task, attack(targeted=True))


def libraries() -> dict[str, Callable[[Task], Flags]]:
    """Those that are installed; foolbox is among the development requirements."""
    found: dict[str, Callable[[Task], Flags]] = {"foolbox": foolbox_linf_pgd}
    if find_spec("torchattacks") is not None:
        found["torchattacks"] = torchattacks_pgd
    return found


def _in_batches(task: Task, flag: Callable[[Tensor, Tensor], Tensor]) -> np.ndarray:
    batches = zip(torch.split(task.images, task.batch), torch.split(task.labels, task.batch), strict=True)
    return torch.cat([flag(images, labels) for images, labels in batches]).cpu().numpy()
