"""Black-box risk: what examples crafted on other models do to this one (Tao et al. 2020, Section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal, PerExample
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import known
from hypo.measurements.finding import Column, Curve, Finding, NamedShare, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.pooled_search import parts
from hypo.measurements.risks import Share
from hypo.settings.errors import InputError
from hypo.settings.other_run import OtherRun
from hypo.settings.precision import full_precision
from hypo.settings.randomness import example_noise

PUBLISHED = ProjectedGradient(steps=50, relative_step=1 / 10)
"""The search of the paper (Appendix A.4)."""


@dataclass(frozen=True)
class Transfer:
    """What a false friend and an adversary do who have never seen this model, but have others of its kind.

    On each of the others, and with the true label, a hypocritical example is crafted of every mistake of this
    model and an adversarial one of every other image. What this model makes of the point where the search ends is
    what counts; of several others, any will do.

    Attributes:
        sources: the others by name, at least one, on images of the same shape and as many classes.
        attack: the search on each, within this run's ball; of one restart, since it cannot know which ends best.
    """

    sources: Mapping[str, OtherRun] = field(hash=False)
    attack: ProjectedGradient = PUBLISHED

    def __post_init__(self) -> None:
        if not self.sources:
            example = "+measurement.transfer.sources.other.seed=1"
            raise InputError(f"sources: takes at least one other run by its name, such as {example}, got none")
        check_attack(self.attack)

    def prerequisites(self, experiment: Any) -> Sequence[Any]:
        """The runs of `sources`, in their order.

        Raises:
            InputError: when one has images of another shape, or other classes, or cannot be read.
        """
        return [self._source(name, other, experiment) for name, other in self.sources.items()]

    def measure(self, subject: Subject) -> Finding:
        """Shares over the union of all sources, curves over them, and from how many each example transfers."""
        correct = torch.from_numpy(subject.flags.correct).to(subject.device)
        reached = []
        for number, source in enumerate(subject.models, 1):
            reached.append(self._reached(subject, source, correct))
            subject.progress(number, len(subject.models))
        return finding(tuple(self.sources), torch.stack(reached), correct)

    def _reached(self, subject: Subject, source: nn.Module, correct: Tensor) -> Tensor:
        """(examples,) bool, which mistakes are hidden and which predictions broken by what `source` shows."""
        test, found = subject.test, []
        examples = torch.from_numpy(subject.flags.example).to(subject.device)
        for part in parts(len(test), subject.evaluation.batch):
            images, labels = test.images[part].float() / subject.data.maximum, test.labels[part]
            noise = example_noise(subject.seed, "transfer", 0, examples[part], tuple(images.shape[1:]))
            goal = PerExample(correct[part], Adversarial(labels), Hypocritical(labels))
            crafted = craft(source, images, goal, subject.threat_model, self.attack, noise)
            found.append((predicted(subject.model, crafted) == labels) ^ correct[part])
        return torch.cat(found)

    def _source(self, name: str, other: OtherRun, experiment: Any) -> Any:
        key = f"measurement.transfer.sources.{name}"
        source = other.of(experiment, key)
        if source.dataset != experiment.dataset:
            theirs, ours = known(source.dataset), known(experiment.dataset)
            if theirs != ours:
                raise InputError(f"{key}: takes a model of {_form(ours)}, got one of {_form(theirs)}")
        return source


def check_attack(attack: ProjectedGradient) -> None:
    """Refuse several restarts, of which nobody can tell before they are transferred which one ends best."""
    if attack.restarts != 1:
        raise InputError(f"attack: takes one restart, whose end is transferred, got restarts={attack.restarts}")


def craft(
    source: nn.Module,
    images: Tensor,
    goal: Goal,
    threat_model: ThreatModel,
    attack: ProjectedGradient,
    noise: Tensor,
) -> Tensor:
    """Where a search on `source` ends: examples that another model is to be shown.

    Args:
        source: from images in [0, 1] to logits; left as found.
        images: (batch, channels, height, width) in [0, 1], on the model's device.
        noise: of their shape, standard normal; all that is random about it.

    Returns:
        Perturbed images of the same shape, in the ball and in [0, 1].
    """
    with full_precision(), attacked(source):
        state = attack.begin(images, goal, threat_model, noise)
        for number in range(attack.steps):
            state = attack.step(source, state, images, goal, threat_model, number).state
    return state["points"].detach()


def predicted(model: nn.Module, images: Tensor) -> Tensor:
    """(batch,) int64, what `model` takes images in [0, 1] for; it is left as found."""
    with full_precision(), attacked(model), torch.no_grad():
        return model(images).argmax(1)


def finding(sources: Sequence[str], reached: Tensor, correct: Tensor) -> Finding:
    """What transfers from which of the `sources`, described.

    Args:
        reached: (sources, examples) bool, whether the example of that source hides the mistake, or breaks the
            prediction that was correct.
        correct: (examples,) bool, of the clean images.
    """
    examples, plus = len(correct), int(correct.sum())
    minus = examples - plus

    def broken(of: Tensor) -> Share:
        return Share(int((of & correct).sum()), plus)

    def hidden(of: Tensor) -> Share:
        return Share(int((of & ~correct).sum()), minus)

    union = reached.any(0)
    shares = {
        "A_transfer": (Share(plus - broken(union).count, examples), "correct, and not broken", "A"),
        "F_transfer": (Share(plus + hidden(union).count, examples), "correct, or hidden", "F"),
        "R_adv_plus_transfer": (broken(union), "correct predictions that are broken", "R_adv⁺"),
        "R_hyp_minus_transfer": (hidden(union), "mistakes that are hidden", "R_hyp⁻"),
    }
    several = "an example crafted on another model" if len(sources) == 1 else "any example crafted on other models"

    def curve(name: str, about: str, share: Any) -> Curve:
        points = tuple(Point(source, share(of)) for source, of in zip(sources, reached, strict=True))
        return Curve(name, f"{about} by the source's examples", "source", points)

    return Finding(
        "Transfer from other models",
        {
            name: NamedShare(share, f"{about} by {several}", f"{symbol} (black box)")
            for name, (share, about, symbol) in shares.items()
        },
        curves=(
            curve("R_adv_plus", "correct predictions broken", broken),
            curve("R_hyp_minus", "mistakes hidden", hidden),
        ),
        columns={
            "transferred": Column(
                reached.sum(0).cpu().numpy(), "from how many sources the example hides the mistake, or breaks it"
            )
        },
    )


def _form(form: tuple[tuple[int, int, int], int]) -> str:
    shape, classes = form
    return f"{'×'.join(map(str, shape))} images and {classes} classes"
