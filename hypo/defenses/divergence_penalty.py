"""The form that TRADES and THRM share; they differ in the perturbation alone."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from hypo.attacks.stability import divergence
from hypo.defenses.defense import Loss


def penalised(
    model: nn.Module, images: Tensor, labels: Tensor, lambda_: float, perturb: Callable[[], Tensor]
) -> Loss:
    """CE(p(x), y) + λ·KL(p(x) ‖ p(x′)), both averaged over the batch, with gradient through p(x) as well.

    With λ = 0 nothing is perturbed, so that the loss, the gradients and the batch-norm statistics are those
    of standard training bit by bit.
    """
    perturbed = perturb() if lambda_ > 0 else None
    clean_logits = model(images)
    loss = F.cross_entropy(clean_logits, labels)
    if perturbed is None:
        return Loss(loss, clean_logits)
    perturbed_logits = model(perturbed)
    penalty = divergence(clean_logits, perturbed_logits).mean()
    return Loss(loss + lambda_ * penalty, clean_logits, perturbed_logits)
