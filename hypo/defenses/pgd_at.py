"""PGD adversarial training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Loss


@dataclass(frozen=True)
class PgdAt:
    """Minimise CE(p(x_adv), y), x_adv the adversarial attack's end point (Madry et al. 2018, Equation 2.1)."""

    attack: ProjectedGradient

    def loss(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        random: torch.Generator,
    ) -> Loss:
        """See `Defense.loss`."""
        perturbed = self.attack.last(model, images, Adversarial(labels), threat_model, random)
        logits = model(perturbed)
        return Loss(F.cross_entropy(logits, labels), perturbed_logits=logits)
