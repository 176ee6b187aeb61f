"""How useful the features of a trained model are, and how useful an adversary leaves them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hypo.architectures import representation
from hypo.architectures.representation import Representation
from hypo.attacks.goals.feature_value import FeatureValue
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import best_from
from hypo.datasets.images import Split
from hypo.measurements.finding import Curve, Finding, NamedShare, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.pooled_search import parts
from hypo.measurements.risks import Share
from hypo.settings import checks
from hypo.settings.errors import InputError
from hypo.settings.precision import full_precision
from hypo.settings.randomness import example_noise

PGD = ProjectedGradient(steps=20, relative_step=1 / 4)

LEVELS = tuple(level / 10 for level in range(17))
"""Where the curves have points; a feature that tells one class of ten for certain has a usefulness of 1.67."""


@dataclass(frozen=True)
class Usefulness:
    """Of each feature the class that it tells best, and how well.

    Attributes:
        rho: (features,) float64, ρ >= 0.
        tells: (features,) int64, the class.
        sign: (features,) 1 where the feature is large on that class and −1 where it is small.
    """

    rho: Tensor
    tells: Tensor
    sign: Tensor


@dataclass(frozen=True)
class Features:
    """ρ-useful and γ-robustly useful features (Ilyas et al. 2019, Equations 1 and 2) of the penultimate layer.

    A feature f is a number that the last layer is given, shifted and scaled to mean 0 and variance 1 over the
    clean examples. The paper has two classes, y = ±1; of C classes, f is asked about one, with y = 1 on that
    class and −1 on the rest. E weighs the class and the rest alike, as if there were as much of both, so that no
    constant is useful: ρ = ½·|E[f | class] − E[f | rest]|, for the class where that is largest, and −f stands for
    an f that is small on it. With two classes of one size this is Equation 1.

    γ is the same with y·f(x + δ) in the place of y·f(x), at its smallest in the run's ball: each of the most
    useful features is attacked by itself, on every example. What a search finds may lie above the infimum, so that
    this γ is an upper bound: a feature that is not robust here is none, and one that is robust may not be.

    Attributes:
        features: how many are attacked at most, the most useful ones, >= 1.
        examples: how many of the attacked test examples are looked at, >= 2; None for all.
        useful_from: the ρ from which a feature counts as useful, > 0. On few examples a feature of no use has a ρ
            too, of about ½·√(1/n) with n examples of a class, and the largest of C classes is taken.
        attack: the search; of all points that it visits, and the image itself, the worst counts.
    """

    features: int = 32
    examples: int | None = 500
    useful_from: float = 0.2
    attack: ProjectedGradient = PGD

    def __post_init__(self) -> None:
        checks.integer("features", self.features, at_least=1)
        if self.examples is not None:
            checks.integer("examples", self.examples, at_least=2)
        checks.number("useful_from", self.useful_from, above=0)

    def check(self, experiment: Any, shape: tuple[int, int, int], classes: int) -> None:
        """Refuse, with InputError, a model without a penultimate layer."""
        try:
            representation.check(experiment.arch, shape, classes)
        except InputError as error:
            raise InputError(f"measurement.features: {error}") from None

    def measure(self, subject: Subject) -> Finding:
        """Shares of all features, and of those that were attacked; of these, the curves of ρ and γ."""
        test, indices = subject.test.limited(self.examples)
        numbers = torch.from_numpy(subject.flags.example).to(subject.device)[indices]
        with full_precision(), attacked(subject.model):
            clean = self._clean(subject, test)
            useful = usefulness(clean, test.labels, len(subject.data.classes))
            chosen = useful.rho.argsort(descending=True, stable=True)[: self.features].tolist()
            gamma = []
            for done, feature in enumerate(chosen, 1):
                towards = useful.sign[feature] * _one_against_the_rest(test.labels, int(useful.tells[feature]))
                worst = self._worst(subject, test, numbers, feature, -towards)
                values = _standardised(worst, clean[:, feature])
                gamma.append(float(_correlation(values[:, None], towards)[0]))
                subject.progress(done, len(chosen))
        return finding(useful.rho.tolist(), useful.rho[chosen].tolist(), gamma, self.useful_from)

    def _clean(self, subject: Subject, test: Split) -> Tensor:
        """(examples, features) of the clean images, float64."""
        seen_as = Representation(subject.model)
        with torch.no_grad():
            found = [seen_as(images).double() for _, images in _batches(subject, test)]
        return torch.cat(found)

    def _worst(self, subject: Subject, test: Split, numbers: Tensor, feature: int, direction: Tensor) -> Tensor:
        """(examples,) float64, how far the feature can be moved into the (examples,) direction."""
        seen_as, found = Representation(subject.model), []
        for part, images in _batches(subject, test):
            noises = (
                example_noise(subject.seed, f"features/{feature}", restart, numbers[part], tuple(images.shape[1:]))
                for restart in range(self.attack.restarts)
            )
            goal = FeatureValue(feature, direction[part].to(images.dtype))
            points = best_from(
                *(noises, self.attack, seen_as, images, goal, subject.threat_model),
                surrogate=subject.evaluation.surrogate,
            )
            with torch.no_grad():
                found.append(seen_as(points)[:, feature].double())
        return torch.cat(found)


def usefulness(features: Tensor, labels: Tensor, classes: int) -> Usefulness:
    """How useful each feature is on its best class; (examples, features) float64 and (examples,) labels."""
    values = _standardised(features, features)
    correlations = torch.stack([_correlation(values, _one_against_the_rest(labels, at)) for at in range(classes)])
    rho, tells = correlations.abs().max(0)
    sign = correlations.gather(0, tells[None]).squeeze(0).sign()
    return Usefulness(rho, tells, sign)


def finding(all_rho: Sequence[float], rho: Sequence[float], gamma: Sequence[float], useful_from: float) -> Finding:
    """What was found, described.

    Args:
        all_rho: of every feature.
        rho, gamma: of those that were attacked.
        useful_from: the ρ from which a feature counts as useful.
    """
    useful = [worst for best, worst in zip(rho, gamma, strict=True) if best >= useful_from]
    robust = sum(worst > 0 for worst in useful)
    attacked_ones = "useful features, of those that were attacked"

    def curve(name: str, about: str, values: Sequence[float]) -> Curve:
        points = (Point(level, Share(sum(value >= level for value in values), len(values))) for level in LEVELS)
        return Curve(name, about, "usefulness", tuple(points))

    return Finding(
        "Features",
        shares={
            "features_useful": NamedShare(
                Share(sum(value >= useful_from for value in all_rho), len(all_rho)),
                f"penultimate features with ρ ≥ {useful_from:g}",
                "ρ-useful",
            ),
            "features_robust": NamedShare(
                Share(robust, len(useful)), f"{attacked_ones}, with γ > 0 (an upper bound)", "γ-robust"
            ),
            "features_not_robust": NamedShare(
                Share(len(useful) - robust, len(useful)), f"{attacked_ones}, with γ ≤ 0", "useful, not robust"
            ),
        },
        curves=(
            curve("useful", "attacked features whose ρ is at least this", rho),
            curve("robustly_useful", "attacked features whose γ is at least this (an upper bound)", gamma),
        ),
    )


def _batches(subject: Subject, test: Split) -> Iterator[tuple[slice, Tensor]]:
    for part in parts(len(test), subject.evaluation.batch):
        yield part, test.images[part].float() / subject.data.maximum


def _one_against_the_rest(labels: Tensor, wanted: int) -> Tensor:
    """(examples,) float64, y = 1 on one class and −1 on the rest."""
    return 2.0 * (labels == wanted).double() - 1


def _standardised(values: Tensor, clean: Tensor) -> Tensor:
    """`values` shifted and scaled as brings `clean` to mean 0 and variance 1; 0 where that does not vary."""
    deviation = clean.std(0, correction=0)
    varies = deviation > 0
    return torch.where(varies, (values - clean.mean(0)) / torch.where(varies, deviation, 1.0), 0.0)


def _correlation(values: Tensor, towards: Tensor) -> Tensor:
    """(features,) E[y·f] with half of the weight on y = 1 and half on y = −1; 0 where there is but one of them."""
    one = towards > 0
    if not bool(one.any()) or bool(one.all()):
        return torch.zeros_like(values[0])
    return (values[one].mean(0) - values[~one].mean(0)) / 2
