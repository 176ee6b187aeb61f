"""The ℓ2 ball: the whole image may move by a Euclidean distance of at most ε."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hypo.settings import checks


@dataclass(frozen=True)
class L2:
    """‖perturbed − images‖₂ <= epsilon, within [0, 1].

    Attributes:
        epsilon: the radius, > 0, in units of the image range [0, 1] (0.5 for CIFAR-10 in Tao et al. 2022).
    """

    epsilon: float

    def __post_init__(self) -> None:
        checks.number("epsilon", self.epsilon, above=0)

    def project(self, perturbed: Tensor, images: Tensor, radii: Tensor | None = None) -> Tensor:
        """`perturbed` pulled back onto the ball around `images`, then clamped to [0, 1].

        In this order the result is in both: clamping moves every pixel towards `images`, which lie in [0, 1].
        """
        displacement = perturbed - images
        norm = _norm(displacement)
        # A radius may be 0, and then is as good as that, but nothing can be divided by it.
        radius = self.epsilon if radii is None else radii.clamp_min(1e-12).view_as(norm)
        shrunk = displacement * (radius / norm.clamp_min(radius))
        return (images + shrunk).clamp(0, 1)

    def direction(self, gradient: Tensor) -> Tensor:
        """The step of unit norm that gains most to first order; zero where the gradient is zero."""
        # Divided by the largest component first, since squaring a tiny gradient underflows to norm 0.
        largest = gradient.flatten(1).abs().amax(1).view(-1, *[1] * (gradient.dim() - 1))
        scaled = gradient / torch.where(largest > 0, largest, torch.ones_like(largest))
        norm = _norm(scaled)
        return scaled / torch.where(norm > 0, norm, torch.ones_like(norm))

    def uniform(self, noise: Tensor) -> Tensor:
        """A displacement uniform on the sphere, made from standard normal `noise` of the images' shape.

        In the dimensions of images the ball's volume lies at its surface, and the authors' code starts there.
        """
        return self.epsilon * self.direction(noise)

    def distance(self, perturbed: Tensor, images: Tensor) -> Tensor:
        """(batch,) norms of the perturbations."""
        return (perturbed - images).flatten(1).norm(dim=1)


def _norm(displacement: Tensor) -> Tensor:
    """(batch, 1, …) Euclidean norms, ready to divide by."""
    return displacement.flatten(1).norm(dim=1).view(-1, *[1] * (displacement.dim() - 1))
