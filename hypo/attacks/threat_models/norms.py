"""Threat models by the norm that they are balls of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel

NORMS: dict[str, type[Any]] = {"linf": Linf, "l2": L2}


def in_norm(own: ThreatModel, norm: str | None, epsilon: float | None) -> ThreatModel:
    """`own`, or a ball of the named `norm`, with the radius `epsilon`, or its own."""
    if norm is not None:
        return NORMS[norm](epsilon or own.epsilon)
    return own if epsilon is None else replace(own, epsilon=epsilon)  # type: ignore[type-var]


def written(ball: ThreatModel) -> str:
    """Its norm as a reader writes it."""
    return "ℓ∞" if isinstance(ball, Linf) else "ℓ2"
