"""Friends and adversaries in turn: what the one made of an image, and the other makes of that.

Tao et al. (2020), Section 5 and Appendix C. A mistake that a false friend hid can be brought out again by an
adversary of the same radius, and a prediction that an adversary broke be repaired by a friend of the same radius:
from either point the clean image is within reach. What is open is how much less is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.model_state import attacked
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.measurements.around import Around
from hypo.measurements.finding import Curve, Finding, NamedShare, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.pooled_search import parts
from hypo.measurements.risks import Share
from hypo.settings import checks
from hypo.settings.components import describe
from hypo.settings.errors import InputError
from hypo.settings.other_run import OtherRun
from hypo.settings.precision import full_precision

_ABOUT = {
    "clean": "accuracy on the clean images under an adversary of radius δ",
    "perturbed": "accuracy under an adversary of radius δ where a false friend of radius ε was first",
    "hidden": "hidden mistakes that stay hidden under an adversary of radius δ",
    "repaired": "adversarial examples of radius ε that a friend of radius δ repairs",
}
"""What the curves are shares of."""


@dataclass(frozen=True)
class InTurn:
    """Four curves over δ / ε, and where another model is to be the friend, how well it is a surrogate of one.

    The first to move goes where the searches of the evaluation have the largest margin, the false friend from the
    mistakes and the adversary from the correct examples; the second may go as far as δ from there.

    Attributes:
        deltas: δ in units of ε, each in [0, 1], 1 among them.
        friend: a run whose model is more robust, on the same data; None for none.
    """

    deltas: tuple[float, ...] = (0, 0.125, 0.25, 0.5, 0.75, 1)
    friend: OtherRun | None = None

    def __post_init__(self) -> None:
        deltas = [checks.number("deltas", delta, at_least=0, at_most=1) for delta in self.deltas]
        if 1 not in deltas:
            raise InputError(f"deltas: takes numbers in [0, 1] with 1 among them, got {list(self.deltas)}")
        object.__setattr__(self, "deltas", tuple(sorted(set(deltas))))

    def prerequisites(self, experiment: Any) -> Sequence[Any]:
        """The friend's experiment.

        Raises:
            InputError: when it is on other data.
        """
        if self.friend is None:
            return ()
        friend = self.friend.of(experiment, "measurement.in_turn.friend")
        if describe(friend.dataset, identity=True) != describe(experiment.dataset, identity=True):
            raise InputError("measurement.in_turn.friend: takes a run on the same data set, got one on another")
        return (friend,)

    def measure(self, subject: Subject) -> Finding:
        """The curves, and the shares of the surrogate friend.

        Raises:
            AssertionError: if a hidden mistake withstood an adversary of radius ε, or an adversarial example could
                not be repaired within ε, both of which the clean image rules out.
        """
        with full_precision(), ExitStack() as stack:
            for model in (subject.model, *subject.models):
                stack.enter_context(attacked(model, surrogate=subject.evaluation.surrogate))
            on_mistakes, on_correct = self._turns(subject, mistakes=True), self._turns(subject, mistakes=False)
        n = len(subject.flags.correct)
        hidden, withstood = self._left(on_mistakes.second), self._left(on_correct.alone)
        adversarial = len(on_correct.second)
        repaired = [adversarial - left for left in self._left(on_correct.second)]
        assert hidden[-1] == 0, "a mistake stayed hidden although the clean image was in the adversary's reach"
        assert repaired[-1] == adversarial, "a friend did not repair what the clean image in its reach repairs"
        counted = {
            "clean": [Share(count, n) for count in withstood],
            "perturbed": [Share(count + more, n) for count, more in zip(withstood, hidden, strict=True)],
            "hidden": [Share(count, len(on_mistakes.second)) for count in hidden],
            "repaired": [Share(count, adversarial) for count in repaired],
        }
        surrogate = {"mistakes": on_mistakes.surrogate, "adversarial": on_correct.surrogate}
        return finding(self.deltas, counted, surrogate if subject.models else {})

    def _turns(self, subject: Subject, mistakes: bool) -> _Turns:
        """What happens to the mistakes, which a friend is the first to move, or to all but these."""
        me = Around(subject.model, subject.evaluation, subject.seed, subject.progress)
        found, (first, second) = _Turns(), (Hypocritical, Adversarial) if mistakes else (Adversarial, Hypocritical)
        wanted = torch.from_numpy(subject.flags.correct != mistakes).to(subject.device).nonzero().squeeze(1)
        example = torch.from_numpy(subject.flags.example).to(subject.device)
        for block in parts(len(wanted), subject.evaluation.batch):
            part = wanted[block]
            images = subject.test.images[part].float() / subject.data.maximum
            labels, examples = subject.test.labels[part], example[part]
            # The evaluation's own attack again.
            points = me.strongest("verification", images, examples, first(labels), subject.threat_model)
            with torch.no_grad():
                moved = first(labels).margin(me.model(points)) > 0
            start = _Start(points[moved], labels[moved], examples[moved], images[moved])
            found.second.extend(self._reached(me, start, second, subject.threat_model))
            if not mistakes:
                clean = _Start(images, labels, examples, None)
                found.alone.extend(self._reached(me, clean, Adversarial, subject.threat_model))
            if subject.models:
                helped = _Start(images, labels, examples, None) if mistakes else start
                found.surrogate.extend(_helped(me, subject.models[0], helped, subject.threat_model))
        return found

    def _reached(
        self, me: Around, start: _Start, goal: Callable[[Tensor], Goal], threat_model: ThreatModel
    ) -> list[int]:
        """For each example the place in `deltas` of the first radius at which `goal` is reached, or their number.

        What a ball holds a larger one holds too, so that only what is left is attacked in that.
        """
        component: Any = threat_model
        at = torch.full_like(start.labels, len(self.deltas))
        for place, share in enumerate(self.deltas):
            left = (at == len(self.deltas)).nonzero().squeeze(1)
            if share == 0 or not len(left):
                continue
            ball = replace(component, epsilon=share * component.epsilon)
            there = start.home_is_within(left, goal, me.model, ball, whole=share == 1)
            rest = left[~there]
            reached = me.reached(
                f"in turn/{share}",
                start.points[rest],
                start.examples[rest],
                lambda indices, rest=rest: goal(start.labels[rest[indices]]),  # type: ignore[misc]
                ball,
            )
            at[left[there]] = place
            at[rest[reached]] = place
        return at.tolist()

    def _left(self, at: Sequence[int]) -> list[int]:
        """At each of `deltas` how many are not reached yet."""
        return [sum(place > number for place in at) for number in range(len(self.deltas))]


@dataclass
class _Turns:
    """By example: when the second to move had its way (of those that the first moved), when an adversary without a
    friend had, and whether the surrogate friend helped, once knowing the label and once guessing it."""

    second: list[int] = field(default_factory=list)
    alone: list[int] = field(default_factory=list)
    surrogate: list[tuple[bool, bool]] = field(default_factory=list)


@dataclass(frozen=True)
class _Start:
    """Where the second to move begins: `points`, and the clean images `home` that they were made from, if any."""

    points: Tensor
    labels: Tensor
    examples: Tensor
    home: Tensor | None

    def home_is_within(
        self, at: Tensor, goal: Callable[[Tensor], Goal], model: nn.Module, ball: Any, whole: bool
    ) -> Tensor:
        """Whether the way back from the points at `at` (int64) leads to the goal, (len(at),) bool.

        Args:
            whole: whether the ball is as large as that in which the points were found. The distance is the same
                from either end, and the clean image's prediction is what made the point worth finding.
        """
        if self.home is None:
            return torch.zeros_like(at, dtype=torch.bool)
        points, home = self.points[at], self.home[at]
        if whole:
            rounding = 1e-4 * ball.epsilon + 1e-7 * points[0].numel() ** 0.5
            return ball.distance(home, points) <= ball.epsilon + rounding
        with torch.no_grad():
            return goal(self.labels[at]).margin(model(ball.project(home, points))) > 0


def _helped(
    me: Around, friend: nn.Module, start: _Start, threat_model: ThreatModel
) -> Iterator[tuple[bool, bool]]:
    """Whether `me` is right where `friend` makes itself most sure of the label, and of its own prediction."""
    if not len(start.labels):
        return iter(())
    with torch.no_grad():
        guesses = friend(start.points).argmax(1)
    there = replace(me, model=friend)
    right = []
    for targets in (start.labels, guesses):
        helped = there.strongest("friend", start.points, start.examples, Hypocritical(targets), threat_model)
        with torch.no_grad():
            right.append((me.model(helped).argmax(1) == start.labels).tolist())
    return zip(*right, strict=True)


def finding(
    deltas: Sequence[float],
    counted: Mapping[str, Sequence[Share]],
    surrogate: Mapping[str, Sequence[tuple[bool, bool]]],
) -> Finding:
    """The curves by name over `deltas`, and what the surrogate friend did, described."""
    curves = tuple(
        Curve(name, about, "δ / ε", tuple(map(Point, deltas, counted[name]))) for name, about in _ABOUT.items()
    )
    shares = {}
    for of, outcomes in surrogate.items():
        examples = "adversarial examples" if of == "adversarial" else "mistakes"
        for place, (name, knowing) in enumerate(
            (("", "knows the label"), ("_guessing", "goes by its prediction"))
        ):
            share = Share(sum(outcome[place] for outcome in outcomes), len(outcomes))
            about = f"{examples} that a surrogate friend rights, which {knowing}"
            shares[f"righted_{of}{name}"] = NamedShare(share, about)
    return Finding("Friends and adversaries in turn", shares, curves)
