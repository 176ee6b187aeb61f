"""How small a perturbation suffices, example by example, and the curves and medians that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import PerExample
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.searches.search import Search
from hypo.attacks.threat_models.euclidean_steps import EuclideanSteps
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.norms import in_norm, written
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.measurements import nearest
from hypo.measurements.around import Around
from hypo.measurements.certificate import certified_radii
from hypo.measurements.finding import Finding
from hypo.measurements.measurement import Subject
from hypo.measurements.nearest import CLOSER, Nearest, Seeker
from hypo.measurements.pooled_search import parts
from hypo.measurements.radius_finding import Radii, finding, grid
from hypo.settings import checks
from hypo.settings.precision import full_precision
from hypo.settings.randomness import example_noise

SEARCH = FastMinimumNorm(steps=50)

ROUNDS = 6
"""In how many smaller and smaller balls PGD looks for something nearer."""


@dataclass(frozen=True)
class Radius:
    """The smallest perturbation found that breaks a correct prediction, or that hides a mistake.

    On a mistake that is the hypocritical radius HR(f; x, y) of Tao et al. 2022, Appendix C.4, from above, and on a
    correct prediction the robust radius. A minimum-norm search looks for the nearest point, PGD for a nearer one
    in smaller balls, the segment to it is bisected, and what is left is shown to the model once more. What the
    run's own flags found within its ε counts too: where nothing was found there, the evaluation's attacks are made
    again and the segment to their point is bisected; where they do not find it again either, all that is known is
    that ε suffices.

    So a radius is an upper bound, and unknown where nothing was found. With those of all examples A, F and both
    risks are known at every ε.

    Attributes:
        search: the first, made twice under ℓ∞, along the gradient's signs and along itself; what it visits outside
            the ball counts too.
        examples: how many of the attacked test examples are looked at, >= 1, a fixed random subset; None for all.
        up_to: the largest ε of the curves, > 0, in units of the image range [0, 1]; None for twice `epsilon`.
        norm: of the perturbation, "linf" or "l2"; None for the run's threat model.
        epsilon: > 0, an ε at which the curves have a point, as they always have at the run's own in its own norm;
            None for that.
    """

    search: FastMinimumNorm | Search = SEARCH
    examples: int | None = None
    up_to: float | None = None
    norm: Literal["linf", "l2"] | None = None
    epsilon: float | None = None

    def __post_init__(self) -> None:
        if self.examples is not None:
            checks.integer("examples", self.examples, at_least=1)
        for name in ("up_to", "epsilon"):
            if (value := getattr(self, name)) is not None:
                checks.number(name, value, above=0)

    def measure(self, subject: Subject) -> Finding:
        """Curves over ε, the medians, and each example's radius.

        Raises:
            CertificateError: when a point was found that is nearer than what is certified.
        """
        flags, own = subject.flags, subject.threat_model
        ball = in_norm(own, self.norm, self.epsilon)
        looked_at = _subset(len(flags.correct), self.examples)
        found = np.full(len(looked_at), np.inf)
        found[looked_at] = self._found(subject, ball, np.flatnonzero(looked_at))
        certified = None
        if getattr(subject.arch, "lipschitz", False):
            # An ℓ2 ball lies in the ℓ∞ ball of its radius.
            certified = certified_radii(flags.margin, float(subject.model.get_buffer("std").amin()))
        return finding(
            Radii(flags.example, flags.correct, looked_at, found, certified),
            grid(
                self.up_to or 2 * ball.epsilon, {ball.epsilon, own.epsilon if _is_own(ball, own) else ball.epsilon}
            ),
            written(ball),
            suffix="" if self.norm is None else f"_{self.norm}",
        )

    def _found(self, subject: Subject, ball: ThreatModel, chosen: np.ndarray) -> np.ndarray:
        """(chosen,) float64, infinite where nothing was found; kept batch by batch."""
        kept = subject.kept.get("radii")
        radius = np.full(len(chosen), np.nan) if kept is None else kept["radius"]
        steps = len(_directions(ball)) * self.search.steps * self.search.restarts + ROUNDS * CLOSER.steps
        for part in parts(len(chosen), subject.evaluation.batch):
            if np.isnan(radius[part]).any():
                at, done = torch.from_numpy(chosen[part]).to(subject.device), part.start * steps

                def stepped(count: int = len(at)) -> None:
                    nonlocal done
                    done += count
                    subject.progress(done, len(chosen) * steps)

                radius[part] = self._of_batch(subject, ball, at, stepped).cpu().numpy()
                subject.kept.put("radii", {"radius": radius})
        return radius

    def _of_batch(self, subject: Subject, ball: ThreatModel, at: Tensor, stepped: Callable[[], None]) -> Tensor:
        """(len(at),) float64 radii of the test examples at `at`, infinite where nothing was found."""
        flags, own, evaluation = subject.flags, subject.threat_model, subject.evaluation
        images, labels = subject.test.images[at].float() / subject.data.maximum, subject.test.labels[at]
        examples, correct, adv, hyp = (
            torch.from_numpy(each).to(subject.device)[at]
            for each in (flags.example, flags.correct, flags.adv, flags.hyp)
        )

        def noises(name: str, count: int) -> Iterator[Tensor]:
            for number in range(count):
                yield example_noise(subject.seed, name, number, examples, tuple(images.shape[1:]))

        goal = PerExample(correct, Adversarial(labels), Hypocritical(labels))
        with full_precision(), attacked(subject.model, surrogate=evaluation.surrogate):
            seeker = Seeker(subject.model, images, goal, stepped)
            known = Nearest.unknown(images)
            for each in _directions(ball):
                known = seeker.nearest(known, self.search, noises("radius", self.search.restarts), each)
            known = seeker.nearer(seeker.on_segment(known, ball), noises("radius/nearer", ROUNDS), ball)
            radius = seeker.on_segment(known, ball).distance
            if not _is_own(ball, own):
                return radius
            missed = (torch.where(correct, adv, hyp) & (radius > own.epsilon)).nonzero().squeeze(1)
            if not len(missed):
                return radius
            again = _as_flagged(subject, images[missed], examples[missed], labels[missed], correct[missed])
        return radius.index_put((missed,), again.clamp_max(own.epsilon))


def _as_flagged(subject: Subject, images: Tensor, examples: Tensor, labels: Tensor, correct: Tensor) -> Tensor:
    """(batch,) float64, how near the segments to the points come that the evaluation's attacks find."""
    goal = PerExample(correct, Adversarial(labels), Hypocritical(labels))
    around = Around(subject.model, subject.evaluation, subject.seed, lambda done, total: None)
    # The noise is that of the flags, so that the same points are visited.
    points = around.strongest("verification", images, examples, goal, subject.threat_model)
    found = nearest.at(points, images, subject.threat_model)
    return Seeker(subject.model, images, goal).on_segment(found, subject.threat_model).distance


def _directions(ball: ThreatModel) -> tuple[ThreatModel, ...]:
    """`ball` for each way to step in it."""
    return (ball,) if isinstance(ball, L2) else (ball, EuclideanSteps(ball))


def _is_own(ball: ThreatModel, own: ThreatModel) -> bool:
    """Whether they are balls of one norm."""
    return type(ball) is type(own)


def _subset(count: int, examples: int | None) -> np.ndarray:
    """(count,) bool, a fixed random subset of so many."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).numpy()
    chosen = np.zeros(count, dtype=bool)
    chosen[order[:examples]] = True
    return chosen
