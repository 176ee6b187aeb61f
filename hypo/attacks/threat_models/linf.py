"""The ℓ∞ ball: every pixel may move by at most ε."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hypo.settings import checks


@dataclass(frozen=True)
class Linf:
    """‖perturbed − images‖_∞ <= epsilon, within [0, 1].

    Attributes:
        epsilon: the radius, > 0, in units of the image range [0, 1] (8/255 for CIFAR-10 in Tao et al. 2022).
    """

    epsilon: float

    def __post_init__(self) -> None:
        checks.number("epsilon", self.epsilon, above=0)

    def project(self, perturbed: Tensor, images: Tensor, radii: Tensor | None = None) -> Tensor:
        """The nearest point to `perturbed` in the ball around `images` and in [0, 1]."""
        radius = self.epsilon if radii is None else radii.view(-1, *[1] * (images.dim() - 1))
        inside = torch.clamp(perturbed, images - radius, images + radius)
        return inside.clamp(0, 1)

    def direction(self, gradient: Tensor) -> Tensor:
        """The step of unit norm that gains most to first order: the sign of each component."""
        return gradient.sign()

    def uniform(self, noise: Tensor) -> Tensor:
        """A displacement uniform in the ball, made from standard normal `noise` of the images' shape."""
        return self.epsilon * torch.erf(noise / 2**0.5)

    def distance(self, perturbed: Tensor, images: Tensor) -> Tensor:
        """(batch,) norms of the perturbations."""
        return (perturbed - images).flatten(1).abs().amax(1)
