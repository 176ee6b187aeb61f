"""A ball in which searches step along the gradient itself, whatever the norm of the ball."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.threat_model import ThreatModel

_UNIT = L2(1)


@dataclass(frozen=True)
class EuclideanSteps:
    """`ball` with another direction: the gradient's, at the length that its sign has.

    Signs gain most to first order. Where the goal lies behind two boundaries at once, as a false friend's does who
    has to bring one class ahead of several, they lead from one to the other and back, and this into the corner.
    """

    ball: ThreatModel

    @property
    def epsilon(self) -> float:
        """See `ThreatModel.epsilon`."""
        return self.ball.epsilon

    def project(self, perturbed: Tensor, images: Tensor, radii: Tensor | None = None) -> Tensor:
        """See `ThreatModel.project`."""
        return self.ball.project(perturbed, images, radii)

    def direction(self, gradient: Tensor) -> Tensor:
        """(batch, …) with a mean square of 1 for each example, or 0 where the gradient is zero."""
        return _UNIT.direction(gradient) * gradient[0].numel() ** 0.5

    def uniform(self, noise: Tensor) -> Tensor:
        """See `ThreatModel.uniform`."""
        return self.ball.uniform(noise)

    def distance(self, perturbed: Tensor, images: Tensor) -> Tensor:
        """See `ThreatModel.distance`."""
        return self.ball.distance(perturbed, images)
