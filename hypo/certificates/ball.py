"""How small a linear function can get in a ball around images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.certificates import rounding
from hypo.certificates.window import Window

_RELATIVE, _ABSOLUTE = 1e-5, 2.0**-22
"""How far a point that was projected onto the ball may lie outside of it: float32 does not end at ε exactly."""


@dataclass(frozen=True)
class Box:
    """All values between `lower` and `upper`, (batch, channels, height, width)."""

    lower: Tensor
    upper: Tensor

    def least(self, of: Tensor, window: Window) -> Tensor:
        """(batch, positions, rows), at most the smallest Σ of·values; for `of` see `Affine`."""
        centre, radius = (self.lower + self.upper) / 2, (self.upper - self.lower) / 2
        off = rounding.share(centre[0].numel()) * (centre.abs() + radius)
        coefficients = of.flatten(3)
        middle, extent = (window.gather(each).flatten(2)[..., None] for each in (centre, radius + off))
        return (coefficients @ middle - coefficients.abs() @ extent).squeeze(-1)

    def size(self) -> Tensor:
        """How large a value can be."""
        return self.lower.abs().maximum(self.upper.abs())


@dataclass(frozen=True)
class Ball:
    """The part of a ball around `images`, (batch, channels, height, width), that lies in [0, 1].

    Of an ℓ2 ball it is all of it, or the box around it, whichever says more.

    Attributes:
        euclidean: the radius of an ℓ2 ball, None for ℓ∞.
    """

    images: Tensor
    box: Box
    euclidean: float | None

    @classmethod
    def around(cls, images: Tensor, threat_model: Linf | L2) -> Ball:
        """That of `threat_model`, a little larger for what float32 makes of its edge."""
        epsilon = threat_model.epsilon
        reach = epsilon * (1 + _RELATIVE) + _ABSOLUTE
        box = Box((images - reach).clamp(0, 1), (images + reach).clamp(0, 1))
        if isinstance(threat_model, Linf):
            return cls(images, box, None)
        return cls(images, box, epsilon * (1 + _RELATIVE) + _ABSOLUTE * images[0].numel() ** 0.5)

    def least(self, of: Tensor, window: Window) -> Tensor:
        """As that of a `Box`."""
        found = self.box.least(of, window)
        if self.euclidean is None:
            return found
        mask = window.mask(self.images.shape[2:], of)  # type: ignore[arg-type]
        coefficients = (of if mask is None else of * mask).flatten(3)
        here = window.gather(self.images).flatten(2)[..., None]
        off = rounding.share(self.images[0].numel())
        length = self.euclidean * (1 + off) * coefficients.norm(dim=3)
        rounded = off * (coefficients.abs() @ here.abs()).squeeze(-1)
        return found.maximum((coefficients @ here).squeeze(-1) - length - rounded)
