"""Randomized smoothing: what is certain of a model under noise, whatever the model is, in ℓ2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.certificates import confidence
from hypo.certificates.smoothed import Smoothed
from hypo.datasets.images import Split
from hypo.measurements.certificate import contradicted
from hypo.measurements.finding import Column, Curve, Finding, NamedShare, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.pooled_search import parts
from hypo.measurements.risks import Share
from hypo.settings import checks
from hypo.settings.errors import InputError
from hypo.settings.precision import full_precision

PGD = ProjectedGradient(steps=20, relative_step=1 / 8)

MULTIPLES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Of the radius, where the curves have points."""

_SYMBOLS = {
    "A": "A",
    "F": "F",
    "R_adv_plus": "R_adv⁺",
    "R_hyp_minus": "R_hyp⁻",
    "R_sta_minus": "R_sta⁻",
}


@dataclass
class Looked:
    """What was found out about the smoothed model on some examples; all arrays are (examples,).

    Attributes:
        correct: whether it names the label. decided: how far no adversary breaks it, or no false friend hides it,
        float64; <= 0 where nothing is certain. still: how far its prediction stays the same. reached: whether an
        adversary broke it, or a false friend hid it, in the ball. moved: whether its prediction was changed in the
        ball; of mistakes.
    """

    correct: np.ndarray
    decided: np.ndarray
    still: np.ndarray
    reached: np.ndarray
    moved: np.ndarray

    @classmethod
    def joined(cls, several: Sequence[Looked]) -> Looked:
        """What is known of several parts, as of one."""
        each = ([getattr(part, field.name) for part in several] for field in fields(cls))
        return cls(*map(np.concatenate, each))


@dataclass(frozen=True)
class Smoothing:
    """Certified and found risks of the smoothed model g (Cohen et al. 2019) in ℓ2, which is not the model itself.

    The prediction is the class that a few samples name most often. Further ones bound its probability from below
    and, of a mistake, the label's from above, each by Clopper and Pearson, so that what is said of an example is
    wrong with a probability of at most `alpha`. Where the samples do not suffice, g abstains in the words of the
    paper, and the example counts as not certified.

    Beside that stands what attacks find: where PGD on a few noisy copies ends, the majority of `samples` new ones
    decides, if it is beyond doubt at the same `alpha`.

    Attributes:
        sigma: the standard deviation of the noise in every pixel, > 0, in units of the image range [0, 1].
        epsilon: the radius of the ℓ2 ball, > 0; None for that of the run, which is to be in ℓ2 then.
        samples_selecting: how many name the prediction, >= 1.
        samples: how many bound probabilities, >= 1; 100,000 in the paper. Where all of them agree, the radius is
            2.46·σ for 1,000 of them at an `alpha` of 0.001, and 3.81·σ for 100,000.
        alpha: in (0, 1).
        examples: how many of the attacked test examples are looked at, >= 1; None for all.
        attack: the search against g.
        copies: how many noisy copies the attack sees, >= 1.
    """

    sigma: float = 0.25
    epsilon: float | None = None
    samples_selecting: int = 100
    samples: int = 1000
    alpha: float = 0.001
    examples: int | None = 100
    attack: ProjectedGradient = PGD
    copies: int = 8

    def __post_init__(self) -> None:
        checks.number("sigma", self.sigma, above=0)
        if self.epsilon is not None:
            checks.number("epsilon", self.epsilon, above=0)
        for name in ("samples_selecting", "samples", "copies"):
            checks.integer(name, getattr(self, name), at_least=1)
        if not 0 < checks.number("alpha", self.alpha, above=0) < 1:
            raise InputError(f"alpha: takes a number in (0, 1), got {self.alpha}")
        if self.examples is not None:
            checks.integer("examples", self.examples, at_least=1)

    def check(self, experiment: Any, shape: tuple[int, int, int], classes: int) -> None:
        """Refuse, with InputError, a run in another norm whose radius says nothing in ℓ2."""
        if self.epsilon is None and not isinstance(experiment.threat_model, L2):
            raise InputError(
                "measurement.smoothing.epsilon: takes a radius in ℓ2, or null with threat_model=l2, got null"
            )

    def measure(self, subject: Subject) -> Finding:
        """Shares and curves of the examples that were looked at, and what is known of each.

        Raises:
            CertificateError: when an attack did what was certified to be impossible.
        """
        ball = L2(subject.threat_model.epsilon if self.epsilon is None else self.epsilon)
        test, indices = subject.test.limited(self.examples)
        at = indices.cpu().numpy()
        example = subject.flags.example[at]
        with full_precision(), attacked(subject.model):
            predictions, looked = self._look(subject, test, torch.from_numpy(example).to(subject.device), ball)
        correct, certified = looked.correct, looked.decided > ball.epsilon
        contradicted("attacked", example, correct & certified & looked.reached)
        contradicted("hidden", example, ~correct & certified & looked.reached)
        contradicted("moved", example, ~correct & (looked.still > ball.epsilon) & looked.moved)
        radii, named = np.full(len(subject.test), np.nan), np.full(len(subject.test), "", dtype=object)
        radii[at] = np.maximum(looked.decided, 0)
        named[at] = [subject.data.classes[each] for each in predictions]
        return Finding(
            f"The model under noise of σ = {self.sigma:g}, within ε = {ball.epsilon:g} in ℓ2",
            shares=_shares(looked, ball.epsilon),
            curves=_curves(looked, [multiple * ball.epsilon for multiple in MULTIPLES]),
            columns={
                "smoothed_prediction": Column(named, "what the model under noise names most often"),
                "smoothed_radius": Column(radii, "how far no attack breaks that, or hides it if it is a mistake"),
            },
        )

    def _look(self, subject: Subject, test: Split, examples: Tensor, ball: L2) -> tuple[np.ndarray, Looked]:
        """Predictions, (examples,) int64, and what is known of them."""
        batch = subject.evaluation.batch
        smoothed = Smoothed(subject.model, self.sigma, subject.seed, batch)
        whole: list[tuple[np.ndarray, Looked]] = []
        subject.progress(0, len(test))  # what is timed begins here, and not with the first part's end
        for part in parts(len(test), max(1, batch // self.copies)):
            images, labels = test.images[part].float() / subject.data.maximum, test.labels[part]
            named = smoothed.votes(images, examples[part], self.samples_selecting, "selecting").argmax(1)
            sampled = smoothed.votes(images, examples[part], self.samples, "certifying")
            known = self._known(sampled, named, labels.cpu().numpy())
            self._attack(smoothed, images, examples[part], torch.from_numpy(named).to(labels), labels, ball, known)
            whole.append((named, known))
            subject.progress(min(part.stop, len(test)), len(test))
        predictions, looked = zip(*whole, strict=True)
        return np.concatenate(predictions), Looked.joined(looked)

    def _known(self, votes: np.ndarray, named: np.ndarray, labels: np.ndarray) -> Looked:
        """How far the certificates of (examples, classes) `votes` reach; nothing was attacked."""
        rows, correct = np.arange(len(labels)), named == labels
        # Of a mistake two probabilities are bounded, each with half of the doubt.
        alpha = np.where(correct, self.alpha, self.alpha / 2)
        leading = confidence.at_least(votes[rows, named], self.samples, alpha)
        still = confidence.radius_of(leading, self.sigma)
        label = confidence.at_most(votes[rows, labels], self.samples, alpha)
        against = confidence.radius_against(leading, label, self.sigma)
        return Looked(
            correct, np.where(correct, still, against), still, np.zeros_like(correct), np.zeros_like(correct)
        )

    def _attack(
        self,
        smoothed: Smoothed,
        images: Tensor,
        examples: Tensor,
        named: Tensor,
        labels: Tensor,
        ball: L2,
        known: Looked,
    ) -> None:
        """Note in `known` which examples are broken, hidden and moved."""
        wrong = (named != labels).nonzero().squeeze(1)
        goals: dict[str, tuple[Tensor, Goal]] = {
            "moving": (torch.arange(len(labels)).to(labels), Adversarial(named))
        }
        if len(wrong):
            goals["hiding"] = (wrong, Hypocritical(labels[wrong]))
        for purpose, (at, goal) in goals.items():
            points = smoothed.attacked(images[at], examples[at], goal, ball, self.attack, self.copies, purpose)
            votes = smoothed.votes(points, examples[at], self.samples, f"judging {purpose}")
            judged = np.array([confidence.winner(each, self.alpha) for each in votes])
            there, before, label = (each.cpu().numpy() for each in (at, named[at], labels[at]))
            changed = (judged >= 0) & (judged != before)
            known.moved[there] |= changed
            # A mistake counts as hidden whatever the attack was after.
            known.reached[there] |= np.where(before == label, changed, judged == label)


def _certified(looked: Looked, epsilon: float) -> dict[str, Share]:
    """The certified share of each of `_SYMBOLS` at a radius."""
    decided, still = looked.decided > epsilon, looked.still > epsilon
    return _of(looked.correct, ~decided & looked.correct, ~decided & ~looked.correct, ~still & ~looked.correct)


def _of(correct: np.ndarray, broken: np.ndarray, hidden: np.ndarray, moved: np.ndarray) -> dict[str, Share]:
    n, plus = len(correct), int(correct.sum())
    return {
        "A": Share(plus - int(broken.sum()), n),
        "F": Share(plus + int(hidden.sum()), n),
        "R_adv_plus": Share(int(broken.sum()), plus),
        "R_hyp_minus": Share(int(hidden.sum()), n - plus),
        "R_sta_minus": Share(int(moved.sum()), n - plus),
    }


def _shares(looked: Looked, epsilon: float) -> dict[str, NamedShare]:
    correct, wrong = looked.correct, ~looked.correct
    found = _of(correct, looked.reached & correct, looked.reached & wrong, looked.moved & wrong)
    bounds = _certified(looked, epsilon)
    shares = {
        "D_smoothed": NamedShare(Share(int(correct.sum()), len(correct)), "clean accuracy of the smoothed model")
    }
    for name, symbol in _SYMBOLS.items():
        about = f"{symbol} of the smoothed model"
        shares[f"{name}_smoothed"] = NamedShare(found[name], f"{about}, found")
        shares[f"{name}_smoothed_certified"] = NamedShare(
            bounds[name], f"{about}, certified", bounds=f"{name}_smoothed"
        )
    return shares


def _curves(looked: Looked, epsilons: list[float]) -> tuple[Curve, ...]:
    certified = {epsilon: _certified(looked, epsilon) for epsilon in epsilons}
    return tuple(
        Curve(
            f"{name}_smoothed_certified",
            f"{symbol} of the smoothed model, certified",
            "ε, ℓ2",
            tuple(Point(epsilon, each[name]) for epsilon, each in certified.items()),
        )
        for name, symbol in _SYMBOLS.items()
    )
