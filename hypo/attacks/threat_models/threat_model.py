"""What an attack asks of a threat model."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class ThreatModel(Protocol):
    """A ball of radius `epsilon` around images in [0, 1], all tensors (batch, channels, height, width)."""

    @property
    def epsilon(self) -> float:
        """The radius, in units of the image range [0, 1]."""
        ...

    def project(self, perturbed: Tensor, images: Tensor, radii: Tensor | None = None) -> Tensor:
        """A point of the ball around `images`, within [0, 1].

        Args:
            radii: (batch,) >= 0, each example's own in the place of `epsilon`.
        """
        ...

    def direction(self, gradient: Tensor) -> Tensor:
        """The step of unit norm that gains most to first order; zero where the gradient is zero."""
        ...

    def uniform(self, noise: Tensor) -> Tensor:
        """A random displacement of norm at most `epsilon`, from standard normal `noise`."""
        ...

    def distance(self, perturbed: Tensor, images: Tensor) -> Tensor:
        """(batch,) norms of the perturbations."""
        ...
