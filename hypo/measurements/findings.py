"""What a run finds out, and how result.json says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypo.measurements.risks import Share


@dataclass(frozen=True)
class TargetedRate:
    """What a targeted attack reaches among the misclassified examples, D⁻.

    Attributes:
        already: those whose clean prediction is the target as it is, out of all of D⁻.
        moved: those that the attack moved there, out of the others.
    """

    already: Share
    moved: Share


@dataclass(frozen=True)
class Findings:
    """Everything that is measured on one model.

    Attributes:
        shares: accuracies and risks by name.
        targeted: by class, how many mistakes can be turned into it; empty where that was not asked for.
        decided: by flag, how many of it the clean prediction decided, and how many which attack.
        searches: by search, how many of each flag it decided.
    """

    shares: Mapping[str, Share]
    targeted: Mapping[str, TargetedRate] = field(default_factory=dict)
    decided: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    searches: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Fractions by name, with their counts and intervals in entries of their own."""
        content: dict[str, Any] = {
            "n": self.shares["D"].of,
            **{name: share.value for name, share in self.shares.items()},
            "counts": {name: {"count": share.count, "of": share.of} for name, share in self.shares.items()},
            "intervals": {name: share.interval for name, share in self.shares.items()},
            "decided": {flag: dict(by) for flag, by in self.decided.items()},
            "searches": {name: dict(flags) for name, flags in self.searches.items()},
        }
        if self.targeted:
            content["targeted"] = [
                {"class": name, "already": _as_json(rate.already), "moved": _as_json(rate.moved)}
                for name, rate in self.targeted.items()
            ]
        return content


def _as_json(share: Share) -> dict[str, Any]:
    return {"count": share.count, "of": share.of, "value": share.value, "interval": share.interval}
