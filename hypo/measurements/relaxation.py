"""What no attack whatever can do to a network of ordinary layers, by sound bounds of its logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from hypo.attacks.model_state import attacked
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.certificates.ball import Ball
from hypo.certificates.bounds import Bounded
from hypo.certificates.network import Stage, stages
from hypo.measurements.certificate import ABOUT, compare, named, shares
from hypo.measurements.finding import Column, Curve, Finding, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.pooled_search import parts
from hypo.settings import checks
from hypo.settings.errors import InputError
from hypo.settings.precision import full_precision

MULTIPLES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Of the run's radius, where none are given."""

EXAMPLES = 20
"""How many at once: the largest of them take seconds each, and progress is to be seen."""


@dataclass(frozen=True)
class Relaxation:
    """Certified accuracies and risks by interval or linear relaxation (Gowal et al. 2018; Zhang et al. 2018).

    At the run's own radius they are shares, as those of ℓ∞-dist nets (see `Certificate`); over the radius they are
    curves. A network that was not trained to be certified is certified only at radii far smaller than those at
    which attacks begin to fail. What is not certified at one radius is not tried at a larger one.

    Attributes:
        method: "interval" is fast; "linear" is never looser, and takes seconds for each example of a LeNet.
        epsilons: further radii, each > 0, in units of the image range [0, 1]; None for `MULTIPLES` of the run's.
    """

    method: Literal["interval", "linear"] = "linear"
    epsilons: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        checks.choice("method", self.method, ("interval", "linear"))
        if self.epsilons is not None:
            epsilons = [checks.number("epsilons", epsilon, above=0) for epsilon in self.epsilons]
            object.__setattr__(self, "epsilons", tuple(sorted(set(epsilons))))

    def check(self, experiment: Any, shape: tuple[int, int, int], classes: int) -> None:
        """Refuse, with InputError, a network with other layers, and another ball."""
        if not isinstance(experiment.threat_model, (Linf, L2)):
            raise InputError("measurement.relaxation: takes threat_model=linf or l2, got another one")
        with torch.device("meta"):
            _read(experiment.arch.build(shape, classes), shape)

    def measure(self, subject: Subject) -> Finding:
        """Shares, curves, and for each example how far it is certified.

        Raises:
            CertificateError: when an attack did what was certified to be impossible.
        """
        own: Any = subject.threat_model
        epsilons = self.epsilons or [multiple * own.epsilon for multiple in MULTIPLES]
        balls = [replace(own, epsilon=epsilon) for epsilon in sorted({*epsilons, own.epsilon})]
        with full_precision(), attacked(subject.model):
            decided, still = self._certified(subject, balls)
        flags = subject.flags
        bounds = [shares(flags.correct, *both) for both in zip(decided, still, strict=True)]
        at = [ball.epsilon for ball in balls].index(own.epsilon)
        # What is certified at a larger radius is so at the run's own, so that this is all there is to compare.
        compare(flags, decided[at], still[at])
        clean = shares(flags.correct, np.ones_like(flags.correct), np.ones_like(flags.correct))
        radii = (0.0, *(ball.epsilon for ball in balls))
        over = f"ε, {'ℓ∞' if isinstance(own, Linf) else 'ℓ2'}"
        curves = (
            Curve(
                name,
                about,
                over,
                tuple(Point(epsilon, each[name]) for epsilon, each in zip(radii, (clean, *bounds), strict=True)),
            )
            for name, (about, *_) in ABOUT.items()
        )
        return Finding(
            f"What no attack can do, by {self.method} bounds",
            shares=named(bounds[at]),
            curves=tuple(curves),
            columns={
                "certified": Column(
                    decided[at], "a correct prediction that no attack breaks, or a mistake that none hides"
                ),
                "certified_still": Column(still[at], "a prediction that no attack changes"),
                "certified_epsilon": Column(
                    np.array(radii)[decided.sum(0)], "the largest ε tried at which it is certified"
                ),
            },
        )

    def _certified(self, subject: Subject, balls: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
        """(balls, examples) bool, what is certified in each of the balls, from small to large; see `shares`."""
        network = _read(subject.model, subject.data.shape)
        test, correct = subject.test, torch.from_numpy(subject.flags.correct).to(subject.device)
        predictions = torch.from_numpy(subject.flags.clean_prediction).to(subject.device)
        found = torch.zeros(2, len(balls), len(test), dtype=torch.bool, device=subject.device)
        done = 0
        subject.progress(done, len(test))  # what is timed begins here, and not with the first part's end
        for kind in (correct, ~correct):
            wanted = kind.nonzero().squeeze(1)
            for part in parts(len(wanted), EXAMPLES):
                left = wanted[part]
                for number, ball in enumerate(balls):
                    if not len(left):
                        break
                    images = test.images[left].float() / subject.data.maximum
                    bounded = Bounded.on(Ball.around(images, ball), network, self.method)
                    found[:, number, left] = _decided(bounded, test.labels[left], predictions[left])
                    left = left[found[:, number, left].any(0)]
                done += len(wanted[part])
                subject.progress(done, len(test))
        decided, still = found.cpu().numpy()
        return decided, still


def _decided(bounded: Bounded, labels: Tensor, predictions: Tensor) -> Tensor:
    """(2, batch) bool: what is certified of the examples' own flags, and whose prediction cannot change.

    A mistake is never hidden where one logit, whichever, is above the label's all over the ball.
    """
    classes = bounded.stages[-1].shapes[-1][0]
    unit = torch.eye(classes, dtype=bounded.slacks[0].dtype, device=labels.device)
    leads = bounded.least(unit[predictions][:, None] - unit).scatter(1, predictions[:, None], torch.inf).amin(1)
    exposed = bounded.least(unit - unit[labels][:, None]).amax(1)
    return torch.stack([torch.where(predictions == labels, leads, exposed) > 0, leads > 0])


def _read(network: nn.Module, shape: tuple[int, int, int]) -> list[Stage]:
    try:
        return stages(network, shape)
    except InputError as error:
        raise InputError(f"measurement.relaxation: {error}") from None
