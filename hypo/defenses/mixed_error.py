"""The form that FGSM and ensemble adversarial training share; they differ in whose gradient the step follows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.defenses.defense import Loss

FGSM = ProjectedGradient(steps=1, relative_step=1.0, start="clean")
"""x + ε·sign ∇J(x) (Goodfellow et al. 2015); in ℓ2 the step is ε along the unit gradient."""


def mixed(model: nn.Module, images: Tensor, labels: Tensor, alpha: float, perturb: Callable[[], Tensor]) -> Loss:
    """α·CE(p(x), y) + (1 − α)·CE(p(x′), y), both averaged over the batch.

    What has weight 0 is not computed: with α = 1 nothing is perturbed, and with α = 0 no clean image passes. So
    loss, gradients and batch-norm statistics are those of training on the other part alone, bit by bit.
    """
    perturbed = perturb() if alpha < 1 else None
    clean_logits = model(images) if alpha > 0 else None
    perturbed_logits = None if perturbed is None else model(perturbed)
    weighted = ((alpha, clean_logits), (1 - alpha, perturbed_logits))
    errors = [weight * F.cross_entropy(logits, labels) for weight, logits in weighted if logits is not None]
    return Loss(torch.stack(errors).sum(), clean_logits, perturbed_logits)
