"""TRADES: natural risk against the stability of every prediction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypo.attacks.goals.stability import Stability
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Loss
from hypo.defenses.divergence_penalty import penalised
from hypo.settings import checks


@dataclass(frozen=True)
class Trades:
    """Minimise CE(p(x), y) + λ·KL(p(x) ‖ p(x′)), x′ the stability attack's end point.

    Zhang et al. 2019, Equation 5; with λ = 0 it is standard training exactly.

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
            with attacked(model), torch.no_grad():
                goal = Stability(model(images))
            return self.attack.last(model, images, goal, threat_model, random)

        return penalised(model, images, labels, self.lambda_, perturb, self.joint_forward)
