"""What no attack whatever can do to a network whose logits change no faster than its input."""

from __future__ import annotations

import numpy as np

from hypo.measurements.risks import Flags, Share
from hypo.settings.errors import CertificateError

_ROUNDING = 1e-5
"""How far float32 may be off, relative to the numbers compared: some layers of at most 1e-6 each."""


def certified(flags: Flags, radius: float) -> dict[str, Share]:
    """Certified accuracies and risks (Tao et al. 2022, Corollary G.1, Table 16).

    A correct example cannot be attacked when its margin exceeds `radius`, a mistake cannot be hidden when the
    label's logit is behind by more, and cannot be moved to any class when its prediction leads by more. Ties count
    as not certified. A_certified is a lower bound of A, all others are upper bounds.

    Args:
        radius: by how much the difference of two logits can change within the ball: 2·ε, divided by the smallest
            std of the normalisation, for logits that are 1-Lipschitz in ℓ∞.

    Raises:
        CertificateError: when an attack did what was certified to be impossible.
    """
    allowed = radius + _ROUNDING * (radius + np.abs(flags.margin))
    unbreakable = flags.correct & (flags.margin > allowed)
    exposed = ~flags.correct & (-flags.margin > allowed)
    immovable = ~flags.correct & (flags.lead > radius + _ROUNDING * (radius + np.abs(flags.lead)))
    _check("attacked", flags, unbreakable & flags.adv)
    _check("hidden", flags, exposed & flags.hyp)
    _check("moved", flags, immovable & flags.sta)
    n, plus = len(flags.correct), int(flags.correct.sum())
    minus = n - plus
    return {
        "A_certified": Share(int(unbreakable.sum()), n),
        "F_certified": Share(n - int(exposed.sum()), n),
        "R_adv_plus_certified": Share(plus - int(unbreakable.sum()), plus),
        "R_hyp_minus_certified": Share(minus - int(exposed.sum()), minus),
        "R_sta_minus_certified": Share(minus - int(immovable.sum()), minus),
    }


def _check(what: str, flags: Flags, both: np.ndarray) -> None:
    if both.any():
        first = flags.example[both][0]
        raise CertificateError(f"{int(both.sum())} examples certified as never to be {what} were, first {first}")
