"""Accuracies and risks class by class: an average over all of them can hide one that fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hypo.measurements.finding import Curve, Finding, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.risks import Flags, risks

_ABOUT = {
    "D": "images of the class that are predicted correctly",
    "A": "images of the class that are predicted correctly, and that no adversary breaks",
    "F": "images of the class that are predicted correctly, or that a false friend corrects",
    "R_nat": "images of the class that are mistakes",
    "R_adv_plus": "correct predictions of the class that an adversary breaks",
    "R_hyp_minus": "mistakes on the class that a false friend hides",
}


@dataclass(frozen=True)
class Classes:
    """D, A, F, R_nat, R_adv⁺ and R_hyp⁻ on the examples of each class, from the flags alone.

    Classes are those of the labels, in the order of the data set, so that runs can be laid over each other; of one
    that has no example, or nothing to condition on, there is no share.
    """

    def measure(self, subject: Subject) -> Finding:
        """A curve over the classes for each accuracy and risk."""
        return finding(subject.flags, subject.data.classes)


def finding(flags: Flags, classes: Sequence[str]) -> Finding:
    """The flags taken apart by label, described; `classes` are the names of the labels."""
    names = _told_apart(classes)
    of_class = [risks(_only(flags, flags.label == label)) for label in range(len(names))]
    curves = (
        Curve(
            name,
            about,
            "true class",
            tuple(Point(at, shares[name]) for at, shares in zip(names, of_class, strict=True)),
        )
        for name, about in _ABOUT.items()
    )
    return Finding("Accuracies and risks by class", curves=tuple(curves))


def _only(flags: Flags, chosen: np.ndarray) -> Flags:
    """The flags of the examples that are `chosen`, (examples,) bool."""
    arrays = {name: each[chosen] for name, each in vars(flags).items() if isinstance(each, np.ndarray)}
    return replace(flags, **arrays)


def _told_apart(classes: Sequence[str]) -> list[str]:
    """Names under which no two classes fall together: ImageNet has two that are called crane."""
    several = {name for name, count in Counter(classes).items() if count > 1}
    return [f"{name} ({label})" if name in several else name for label, name in enumerate(classes)]
