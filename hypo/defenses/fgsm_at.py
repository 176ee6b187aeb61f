"""FGSM adversarial training: an image beside the one that a single step makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Loss
from hypo.defenses.mixed_error import FGSM, mixed
from hypo.settings import checks


@dataclass(frozen=True)
class FgsmAt:
    """Minimise α·J(x) + (1 − α)·J(x + ε·sign ∇J(x)), with J(x) = CE(p(x), y) (Goodfellow et al. 2015, Section 6).

    α = 1 is standard training, and α = 0 adversarial training with a single step, `PgdAt` with one full step from
    the clean image.

    Attributes:
        alpha: weight α of the clean images, in [0, 1].
    """

    alpha: float = 0.5

    def __post_init__(self) -> None:
        checks.number("alpha", self.alpha, at_least=0, at_most=1)

    @property
    def attack(self) -> ProjectedGradient | None:
        """The single step; None with α = 1, where nothing is perturbed."""
        return FGSM if self.alpha < 1 else None

    def loss(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        random: torch.Generator,
    ) -> Loss:
        """See `Defense.loss`; no gradient flows through the step."""

        def perturb() -> Tensor:
            return FGSM.last(model, images, Adversarial(labels), threat_model, random)

        return mixed(model, images, labels, self.alpha, perturb)
