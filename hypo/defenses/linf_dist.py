"""The training of ℓ∞-dist nets: margins so wide that a ball of several ε fits in between."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Loss
from hypo.settings import checks


@dataclass(frozen=True)
class LinfDist:
    """Minimise 0.75·max_j [m_j]₊ + 0.25·mean_j [m_j]₊, with m_j = g_j − g_y + 2·ε_train, and m_y = 0.

    The multi-class hinge loss of Zhang et al. 2021 as Tao et al. 2022, Appendix G, train it: ε_train is `radius`
    times ε, in units of the normalised images. For networks that do not expand distances, `arch=linf_dist_net`.

    Attributes:
        radius: > 0.
    """

    radius: float = 5.0

    def __post_init__(self) -> None:
        checks.number("radius", self.radius, above=0)

    def loss(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        random: torch.Generator,
    ) -> Loss:
        """See `Defense.loss`; `model` is `Normalised`, and nothing is attacked."""
        logits = model(images)
        margin = 2 * self.radius * threat_model.epsilon / model.get_buffer("std").amin()
        own = logits.gather(1, labels[:, None])
        others = torch.ones_like(logits).scatter(1, labels[:, None], 0.0)
        violations = (logits - own + margin).clamp_min(0) * others
        return Loss((0.75 * violations.amax(1) + 0.25 * violations.mean(1)).mean(), clean_logits=logits)
