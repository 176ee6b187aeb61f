"""A ball whose radius is each example's own."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hypo.attacks.threat_models.threat_model import ThreatModel


@dataclass(frozen=True)
class OfEach:
    """`ball` with other radii, a `ThreatModel` for searches that do no more than multiply by ε.

    Attributes:
        radii: (batch,), in units of the image range [0, 1].
    """

    ball: ThreatModel
    radii: Tensor

    @property
    def epsilon(self) -> Tensor:
        """(batch, 1, 1, 1) the radii."""
        return self.radii.view(-1, 1, 1, 1)

    def project(self, perturbed: Tensor, images: Tensor, radii: Tensor | None = None) -> Tensor:
        """See `ThreatModel.project`."""
        return self.ball.project(perturbed, images, self.radii if radii is None else radii)

    def direction(self, gradient: Tensor) -> Tensor:
        """See `ThreatModel.direction`."""
        return self.ball.direction(gradient)

    def uniform(self, noise: Tensor) -> Tensor:
        """See `ThreatModel.uniform`."""
        return self.ball.uniform(noise) * (self.epsilon / self.ball.epsilon)

    def distance(self, perturbed: Tensor, images: Tensor) -> Tensor:
        """See `ThreatModel.distance`."""
        return self.ball.distance(perturbed, images)
