"""Whether attacks along the gradient tell the truth about a model, or the gradient is masked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.searches.search import Search
from hypo.attacks.threat_models.linf import Linf
from hypo.measurements.around import Around
from hypo.measurements.finding import Curve, Finding, NamedShare, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.risks import Share
from hypo.measurements.transfer import craft, predicted
from hypo.settings import checks
from hypo.settings.other_run import OtherRun
from hypo.settings.precision import full_precision
from hypo.settings.randomness import example_noise

LEVEL = 0.001
"""Of every test: what an honest model is accused by at most, for each sign, when only chance is at work."""

TOLERATED = 0.01
"""Of the examples: how many may have no gradient, or withstand the whole cube, before it is a sign."""

GRADIENT = ProjectedGradient(steps=20, relative_step=1 / 4)
SEARCHES: Mapping[str, Search] = {
    "two steps": replace(GRADIENT, steps=2),
    "PGD-20 from the image": replace(GRADIENT, start="clean"),
    "PGD-20": GRADIENT,
    "single step": ProjectedGradient(steps=1, relative_step=1, start="clean"),
    "100 random points": RandomPoints(100),
}
"""In the run's ball. Two steps are the first two of PGD-20."""

EVERYWHERE = ProjectedGradient(steps=50, relative_step=1 / 10, start="clean")
"""In the ball that holds every image there is; not from a random one of these, which is broken by being random."""


@dataclass(frozen=True)
class Masking:
    """Seven signs that attacks along the gradient fail for want of one (Athalye et al. 2018; lecture, 5.1).

    All attacks are on the same correctly classified examples, and two are compared by those that only one of them
    breaks. Where every prediction there is is one class, nothing can be masked and there is no sign.

    Attributes:
        source: another run, whose examples are tried on this one; None leaves that sign out.
        examples: how many correctly classified test examples at most, >= 1, a fixed random subset.
    """

    source: OtherRun | None = field(default=None, hash=False)
    examples: int = 200

    def __post_init__(self) -> None:
        checks.integer("examples", self.examples, at_least=1)

    def prerequisites(self, experiment: Any) -> Sequence[Any]:
        """The run of `source`, if there is one."""
        return [] if self.source is None else [self.source.of(experiment, "measurement.masking.source")]

    def measure(self, subject: Subject) -> Finding:
        """How many each attack breaks, how many signs there are, and a warning where there is any."""
        data, correct = subject.data, torch.from_numpy(subject.flags.correct).to(subject.device)
        order = torch.randperm(len(correct), generator=torch.Generator().manual_seed(0)).to(subject.device)
        chosen = order[correct[order]][: self.examples]
        images, labels = subject.test.images[chosen].float() / data.maximum, subject.test.labels[chosen]
        examples = torch.from_numpy(subject.flags.example).to(subject.device)[chosen]

        def goal(indices: Tensor) -> Goal:
            return Adversarial(labels[indices])

        def broken(name: str, search: Search, epsilon: float) -> Tensor:
            evaluation = replace(subject.evaluation, attack=search, then={})
            around = Around(subject.model, evaluation, subject.seed, subject.progress)
            ball = replace(subject.threat_model, epsilon=epsilon)  # type: ignore[type-var]
            return around.reached(name, images, examples, goal, ball)

        own = subject.threat_model.epsilon
        whole = 1.0 if isinstance(subject.threat_model, Linf) else math.sqrt(images.shape[1:].numel())
        with full_precision(), attacked(subject.model, surrogate=subject.evaluation.surrogate):
            found = {name: broken("masking", search, own) for name, search in SEARCHES.items()}
            everywhere = broken("masking/everywhere", EVERYWHERE, whole)
            flat = self._without_gradient(subject, images, labels)
            # Where it cannot answer otherwise at all, there is no gradient to hide.
            noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(0)).to(subject.device)
            answers = {*predicted(subject.model, noise).tolist(), *subject.flags.clean_prediction.tolist()}
        for source in subject.models:
            random = example_noise(subject.seed, "masking", 0, examples, tuple(images.shape[1:]))
            crafted = craft(source, images, Adversarial(labels), subject.threat_model, GRADIENT, random)
            found["another model's examples"] = predicted(subject.model, crafted) != labels
        return finding(found, everywhere, flat, signs(found, everywhere, flat) if len(answers) > 1 else {})

    def _without_gradient(self, subject: Subject, images: Tensor, labels: Tensor) -> Tensor:
        """(examples,) bool, where the loss has no direction to climb: exactly zero, or not a number."""
        points = images.detach().requires_grad_()
        objective = subject.evaluation.climbing(Adversarial(labels)).objective(subject.model(points))
        (gradient,) = torch.autograd.grad(objective.sum(), points)
        size = gradient.flatten(1).abs().sum(1)
        return (size == 0) | ~torch.isfinite(size)


def signs(found: Mapping[str, Tensor], everywhere: Tensor, flat: Tensor) -> dict[str, str]:
    """The signs that are there, by name, each with its evidence.

    Args:
        found: by attack, (examples,) bool, what it breaks in the run's ball.
        everywhere: what PGD breaks where every image is in reach.
        flat: which examples have no gradient.
    """
    gradient, few, n = found["PGD-20"], found["two steps"], len(flat)
    union = torch.stack(list(found.values())).any(0)
    told = {}

    def beats(one: Tensor, other: Tensor) -> bool:
        return _chance(int((one & ~other).sum()), int((other & ~one).sum())) < LEVEL

    def against(name: str) -> str:
        return f"{int(found[name].sum())} of {n} against {int(gradient.sum())}"

    if beats(union, gradient) and not beats(gradient, few):
        told["more steps find no more"] = f"{int(gradient.sum())} of {n} in 20 steps, {int(few.sum())} in 2"
    if _is_more(~everywhere):
        told["not all break where every image is in reach"] = f"{int(everywhere.sum())} of {n}"
    for sign, name in (
        ("random points beat the gradient", "100 random points"),
        ("another model's examples beat the gradient", "another model's examples"),
        ("a single step beats many", "single step"),
    ):
        if name in found and beats(found[name], gradient):
            told[sign] = against(name)
    if beats(gradient, found["PGD-20 from the image"]):
        told["a random first step beats none"] = against("PGD-20 from the image")
    if _is_more(flat):
        told["no gradient"] = f"at {int(flat.sum())} of {n}"
    return told


def finding(found: Mapping[str, Tensor], everywhere: Tensor, flat: Tensor, told: Mapping[str, str]) -> Finding:
    """All of it described; `told` as of `signs`."""
    n, looked_for = len(flat), 6 + ("another model's examples" in found)
    bars = {**found, "PGD-50, every image in reach": everywhere}
    points = tuple(Point(name, Share(int(broken.sum()), n)) for name, broken in bars.items())
    evidence = "; ".join(f"{sign} ({how})" for sign, how in told.items())
    return Finding(
        "Gradient masking",
        shares={
            "masking_signs": NamedShare(
                Share(len(told), looked_for), "signs of gradient masking, of those looked for"
            ),
            "no_gradient": NamedShare(Share(int(flat.sum()), n), "correct predictions whose loss has no gradient"),
            "never_broken": NamedShare(
                Share(n - int(everywhere.sum()), n),
                "correct predictions that PGD breaks nowhere in [0, 1]",
            ),
        },
        curves=(Curve("broken", "correct predictions that are broken", "attack", points),),
        warning=f"{len(told)} of {looked_for} signs of gradient masking: {evidence}" if told else "",
    )


def _is_more(condition: Tensor) -> bool:
    """Whether it holds for more than `TOLERATED` of the examples, at `LEVEL`."""
    n, count = len(condition), int(condition.sum())
    below = sum(math.comb(n, k) * TOLERATED**k * (1 - TOLERATED) ** (n - k) for k in range(count))
    return 1 - below < LEVEL


def _chance(mine: int, theirs: int) -> float:
    """How likely at least `mine` of all that only one of two breaks fall to the one, if both are as good.

    The exact one-sided McNemar test.
    """
    n = mine + theirs
    return sum(math.comb(n, k) for k in range(mine, n + 1)) / 2**n
