"""What no attack whatever can do to a network whose logits change no faster than its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hypo.measurements.finding import Finding, NamedShare
from hypo.measurements.measurement import Subject
from hypo.measurements.risks import Flags, Share
from hypo.settings.errors import CertificateError

_ROUNDING = 1e-5
"""How far float32 may be off, relative to the numbers compared: some layers of at most 1e-6 each."""

ABOUT = {
    "A_certified": ("certified adversarial accuracy, a lower bound of A", "A", "A"),
    "F_certified": ("certified false-friend accuracy, an upper bound of F", "F", "F"),
    "R_adv_plus_certified": ("upper bound of the adversarial risk on the correct", "R_adv⁺", "R_adv_plus"),
    "R_hyp_minus_certified": ("upper bound of the hypocritical risk on the mistakes", "R_hyp⁻", "R_hyp_minus"),
    "R_sta_minus_certified": ("upper bound of the stability risk on the mistakes", "R_sta⁻", "R_sta_minus"),
}
"""What each of the shares is, and the symbol and the name of what it bounds."""


@dataclass(frozen=True)
class Certificate:
    """Certified accuracies and risks of ℓ∞-dist nets (Tao et al. 2022, Corollary G.1, Table 16).

    Other networks give no such guarantee, and nothing is found.
    """

    def measure(self, subject: Subject) -> Finding:
        """Bounds that hold against every attack.

        Raises:
            CertificateError: when an attack did what was certified to be impossible.
        """
        if not getattr(subject.arch, "lipschitz", False):
            return finding({})
        # An ℓ2 ball lies in the ℓ∞ ball of its radius. The narrowest channel's std stretches it most.
        radius = 2 * subject.threat_model.epsilon / float(subject.model.get_buffer("std").amin())
        return finding(certified(subject.flags, radius))


def finding(bounds: Mapping[str, Share]) -> Finding:
    """`bounds`, some of those of `certified`, described."""
    return Finding("What no attack can do", named(bounds))


def named(bounds: Mapping[str, Share]) -> dict[str, NamedShare]:
    """The same with what they are."""
    return {name: NamedShare(bounds[name], *ABOUT[name]) for name in bounds}


def certified_radii(margin: np.ndarray, std: float) -> np.ndarray:
    """(examples,) float64, the ε below which `certified` knows of each example that no attack does anything to it.

    Half of the margin (Tao et al. 2022, Appendix C.4), less what float32 may be off, in the units of the images:
    times `std`, the smallest of the normalisation.

    Args:
        margin: (examples,), see `Flags`.
    """
    return std / 2 * np.abs(margin.astype(np.float64)) * (1 - _ROUNDING) / (1 + _ROUNDING)


def certified(flags: Flags, radius: float) -> dict[str, Share]:
    """Certified shares by name.

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
    decided = np.abs(flags.margin) > allowed
    still = flags.lead > radius + _ROUNDING * (radius + np.abs(flags.lead))
    compare(flags, decided, still)
    return shares(flags.correct, decided, still)


def shares(correct: np.ndarray, decided: np.ndarray, still: np.ndarray) -> dict[str, Share]:
    """Certified shares by name.

    Args:
        correct: (examples,) bool, of the clean images.
        decided: the correct examples that no adversary breaks, and the mistakes that no false friend hides.
        still: those whose prediction is the same all over the ball; of interest of mistakes.
    """
    n, plus = len(correct), int(correct.sum())
    unbreakable, exposed = int((decided & correct).sum()), int((decided & ~correct).sum())
    immovable, minus = int((still & ~correct).sum()), n - plus
    return {
        "A_certified": Share(unbreakable, n),
        "F_certified": Share(n - exposed, n),
        "R_adv_plus_certified": Share(plus - unbreakable, plus),
        "R_hyp_minus_certified": Share(minus - exposed, minus),
        "R_sta_minus_certified": Share(minus - immovable, minus),
    }


def compare(flags: Flags, decided: np.ndarray, still: np.ndarray) -> None:
    """Set what the attacks found beside what is certified of the same ball, as in `shares`.

    Raises:
        CertificateError: when an attack did what was certified to be impossible.
    """
    contradicted("attacked", flags.example, flags.correct & decided & flags.adv)
    contradicted("hidden", flags.example, ~flags.correct & decided & flags.hyp)
    contradicted("moved", flags.example, ~flags.correct & still & flags.sta)


def contradicted(what: str, example: np.ndarray, found: np.ndarray) -> None:
    """Refuse what was `found`, (examples,) bool, although it is impossible; `example` has their numbers.

    Raises:
        CertificateError: if there is any.
    """
    if found.any():
        first = example[found][0]
        raise CertificateError(f"{int(found.sum())} examples certified as never to be {what} were, first {first}")
