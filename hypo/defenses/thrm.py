"""THRM: natural risk against hypocritical risk."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Loss
from hypo.defenses.divergence_penalty import penalised
from hypo.settings import checks


@dataclass(frozen=True)
class Thrm:
    """Minimise CE(p(x), y) + λ·KL(p(x) ‖ p(x_hyp)), x_hyp the hypocritical attack's end point.

    Tao et al. 2022, Section 5 (trade-off for hypocritical risk minimization); every example of the batch is
    perturbed, the correct ones too. With λ = 0 it is standard training exactly.

    Attributes:
        lambda_: weight λ >= 0 of the divergence.
        attack: the inner attack, on the model in `eval()` mode.
        joint_forward: see `penalised`.
    """

    lambda_: float
    attack: ProjectedGradient
    joint_forward: bool = False

    def __post_init__(self) -> None:
        checks.number("lambda", self.lambda_, at_least=0)

    def loss(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        random: torch.Generator,
    ) -> Loss:
        """See `Defense.loss`."""

        def perturb() -> Tensor:
            return self.attack.last(model, images, Hypocritical(labels), threat_model, random)

        return penalised(model, images, labels, self.lambda_, perturb, self.joint_forward)
