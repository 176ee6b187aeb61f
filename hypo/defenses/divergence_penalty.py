"""The form that TRADES and THRM share; they differ in the perturbation alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypo.attacks.goals.stability import divergence
from hypo.defenses.defense import Loss


def penalised(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    lambda_: float,
    perturb: Callable[[], Tensor],
    joint_forward: bool,
) -> Loss:
    """CE(p(x), y) + λ·KL(p(x) ‖ p(x′)), both averaged over the batch, with gradient through p(x) as well.

    With λ = 0 nothing is perturbed, so that the loss, the gradients and the batch-norm statistics are those
    of standard training bit by bit.

    Args:
        joint_forward: whether clean and perturbed images pass as one batch, whose statistics batch-norm then
            takes, as in the code of Tao et al. 2022; otherwise one after the other, as in their paper.
    """
    perturbed = perturb() if lambda_ > 0 else None
    if perturbed is None:
        clean_logits = model(images)
        return Loss(F.cross_entropy(clean_logits, labels), clean_logits)
    if joint_forward:
        clean_logits, perturbed_logits = model(torch.cat([images, perturbed])).chunk(2)
    else:
        clean_logits, perturbed_logits = model(images), model(perturbed)
    loss = F.cross_entropy(clean_logits, labels)
    penalty = divergence(clean_logits, perturbed_logits).mean()
    return Loss(loss + lambda_ * penalty, clean_logits, perturbed_logits)
