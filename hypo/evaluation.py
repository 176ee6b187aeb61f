"""A trained model and a test split to per-example flags.

The adversary attacks only the correctly classified examples (D⁺) and the false friend only the misclassified
ones (D⁻): the flags of the others are decided by their clean prediction. Both share one pool, with a goal per
example, and an example leaves it as soon as its flag is decided. Afterwards the stability attack runs on those
of D⁻ that nothing has moved yet. Flags are taken over the union of all candidates, which is what makes the
theorems of Tao et al. 2022 hold exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from hypo import checks
from hypo.attacks.adversarial import Adversarial
from hypo.attacks.goal import Goal, PerExample, lead
from hypo.attacks.hypocritical import Hypocritical
from hypo.attacks.model_state import attacked
from hypo.attacks.projected_gradient import ProjectedGradient
from hypo.attacks.stability import Stability
from hypo.datasets.images import Split
from hypo.errors import DivergedError
from hypo.precision import full_precision
from hypo.randomness import example_noise
from hypo.risks import Flags
from hypo.threat_models.threat_model import ThreatModel

Progress = Callable[[int, int], None]
"""Called with how much is done, and out of how much."""


@dataclass(frozen=True)
class Evaluation:
    """How flags are decided.

    Attributes:
        attack: the search for adversarial, hypocritical and stability candidates alike; the last never starts
            from the clean image, where there is nothing to climb.
        success: "any_iterate" counts every point that was visited inside the ball, "last_iterate" only where
            each restart ended, as the code of Tao et al. 2022 scores.
        test_limit: how many test examples, a fixed random subset; None takes all.
        batch: how many at once. It does not enter the run id: the noise is drawn per example.
    """

    attack: ProjectedGradient
    success: Literal["any_iterate", "last_iterate"] = "any_iterate"
    test_limit: int | None = None
    batch: int = field(default=500, metadata={"identity": False})

    def __post_init__(self) -> None:
        checks.choice("success", self.success, ("any_iterate", "last_iterate"))
        checks.integer("batch", self.batch, at_least=1)
        if self.test_limit is not None:
            checks.integer("test_limit", self.test_limit, at_least=1)


@dataclass
class _Verdicts:
    """The flags of all examples while they are being decided, on the device."""

    labels: Tensor
    clean: Tensor
    adv: Tensor
    hyp: Tensor
    sta: Tensor

    def record(self, indices: Tensor, prediction: Tensor, undecided: Tensor) -> None:
        """Take note of what one more candidate of each of the examples at `indices` is classified as.

        Only those count that are `undecided` (a bool for each of `indices`): what the others visit hangs on
        when they leave the pool, and the flags must not.
        """
        right = prediction == self.labels[indices]
        self.adv[indices] |= undecided & ~right
        self.hyp[indices] |= undecided & right
        self.sta[indices] |= undecided & (prediction != self.clean[indices])


def evaluate(
    model: nn.Module,
    test: Split,
    maximum: int,
    threat_model: ThreatModel,
    evaluation: Evaluation,
    seed: int,
    progress: Progress = lambda done, total: None,
) -> Flags:
    """The flags of every example of `test`.

    Args:
        model: from (batch, channels, height, width) images in [0, 1] to logits; left as found.
        test: on the model's device; its images are divided by `maximum`.
        seed: of the random starting points, which depend on it and the example alone.
        progress: told how many of the attacks' steps are done.

    Raises:
        DivergedError: when the model's clean logits are not finite.
    """
    limited, examples = test.limited(evaluation.test_limit)
    with full_precision(), attacked(model):
        logits = _clean_logits(model, limited, maximum, evaluation.batch)
        if not bool(torch.isfinite(logits).all()):
            raise DivergedError("the trained model's logits are not finite")
        labels, clean = limited.labels, logits.argmax(1)
        correct = clean == labels
        verdicts = _Verdicts(labels, clean, ~correct, correct.clone(), torch.zeros_like(correct))
        search = _Search(model, limited, maximum, examples, threat_model, evaluation, seed, verdicts, progress)

        def verification(indices: Tensor) -> Goal:
            label = labels[indices]
            return PerExample(correct[indices], Adversarial(label), Hypocritical(label))

        def stability(indices: Tensor) -> Goal:
            return Stability(logits[indices])

        attack = evaluation.attack
        # At the clean image the divergence is least, and its gradient zero: no direction to set out in.
        away = replace(attack, start="uniform") if attack.start == "clean" else attack
        search.run("verification", attack, verification, lambda: ~torch.where(correct, verdicts.adv, verdicts.hyp))
        search.run("stability", away, stability, lambda: ~correct & ~verdicts.sta)
    return Flags(
        example=examples.cpu().numpy(),
        label=labels.cpu().numpy(),
        clean_prediction=clean.cpu().numpy(),
        margin=lead(logits, labels).cpu().numpy(),
        correct=correct.cpu().numpy(),
        adv=verdicts.adv.cpu().numpy(),
        hyp=verdicts.hyp.cpu().numpy(),
        sta=verdicts.sta.cpu().numpy(),
    )


@dataclass
class _Search:
    """One attack after the other on the examples that are still undecided."""

    model: nn.Module
    test: Split
    maximum: int
    examples: Tensor
    threat_model: ThreatModel
    evaluation: Evaluation
    seed: int
    verdicts: _Verdicts
    progress: Progress

    def run(
        self,
        name: str,
        attack: ProjectedGradient,
        goal: Callable[[Tensor], Goal],
        undecided: Callable[[], Tensor],
    ) -> None:
        """Attack what is `undecided` (a bool for each example), restart by restart."""
        for restart in range(attack.restarts):
            self._restart(name, restart, attack, goal, undecided)

    def _restart(
        self,
        name: str,
        restart: int,
        attack: ProjectedGradient,
        goal: Callable[[Tensor], Goal],
        undecided: Callable[[], Tensor],
    ) -> None:
        batch = self.evaluation.batch
        every_iterate = self.evaluation.success == "any_iterate"
        pool = undecided().nonzero().squeeze(1)
        if not len(pool):
            return
        noise = example_noise(self.seed, name, restart, self.examples[pool], tuple(self.test.images.shape[1:]))
        points = torch.cat([self._start(attack, pool[part], noise[part]) for part in _parts(len(pool), batch)])
        # A CPU has nothing to synchronise with, so there decided examples leave at once.
        compactions = range(1, attack.steps) if pool.device.type == "cpu" else compaction_steps(attack.steps)
        for number in range(attack.steps):
            if every_iterate and number in compactions:
                kept = undecided()[pool]
                pool, noise, points = pool[kept], noise[kept], points[kept]
            predictions = []
            for part in _parts(len(pool), batch):
                indices = pool[part]
                points[part], logits = attack.step(
                    self.model,
                    points[part],
                    self._images(indices),
                    goal(indices),
                    self.threat_model,
                    noise[part],
                    number,
                )
                predictions.append(logits.argmax(1))
            if every_iterate and predictions:
                self.verdicts.record(pool, torch.cat(predictions), undecided()[pool])
            self.progress(number + 1, attack.steps)
        with torch.no_grad():
            for part in _parts(len(pool), batch):
                prediction = self.model(points[part]).argmax(1)
                self.verdicts.record(pool[part], prediction, undecided()[pool[part]])

    def _images(self, indices: Tensor) -> Tensor:
        return self.test.images[indices].float() / self.maximum

    def _start(self, attack: ProjectedGradient, indices: Tensor, noise: Tensor) -> Tensor:
        images = self._images(indices)
        start = attack.starting_point(images, self.threat_model, noise)
        # Projected, because only a point inside the ball may count as a candidate.
        return self.threat_model.project(start, images)


def compaction_steps(steps: int) -> frozenset[int]:
    """The steps before which decided examples leave the pool: 1, 2, 4 and 8, then every fifth.

    Each time costs one synchronisation with the device. Undefended models are decided within a few steps,
    robust ones lose little to the wider stride.
    """
    return frozenset({1, 2, 4, 8} | set(range(12, steps, 5)))


def _clean_logits(model: nn.Module, test: Split, maximum: int, batch: int) -> Tensor:
    with torch.no_grad():
        parts = (test.images[part].float() / maximum for part in _parts(len(test), batch))
        return torch.cat([model(images) for images in parts])


def _parts(length: int, size: int) -> Iterator[slice]:
    for begin in range(0, length, size):
        yield slice(begin, begin + size)
