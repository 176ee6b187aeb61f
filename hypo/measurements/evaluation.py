"""A trained model and a test split to per-example flags.

The adversary attacks only the correctly classified examples (D⁺) and the false friend only the misclassified
ones (D⁻): the flags of the others are decided by their clean prediction. Both share one pool, with a goal per
example, and an example leaves it as soon as its flag is decided. Afterwards the stability attack runs on those
of D⁻ that nothing has moved yet. Flags are taken over the union of all candidates, which is what makes the
theorems of Tao et al. 2022 hold exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from hypo.attacks.adversarial import Adversarial
from hypo.attacks.goal import Goal, PerExample, lead
from hypo.attacks.hypocritical import Hypocritical
from hypo.attacks.margin import Margin
from hypo.attacks.model_state import attacked
from hypo.attacks.projected_gradient import ProjectedGradient
from hypo.attacks.stability import Stability
from hypo.datasets.images import Split
from hypo.measurements.pooled_search import PooledSearch, Progress, parts
from hypo.measurements.risks import Flags
from hypo.settings import checks
from hypo.settings.errors import DivergedError
from hypo.settings.precision import full_precision
from hypo.threat_models.threat_model import ThreatModel


@dataclass(frozen=True)
class Evaluation:
    """How flags are decided.

    Attributes:
        attack: the search for adversarial, hypocritical and stability candidates alike; the last never starts
            from the clean image, where there is nothing to climb.
        success: "any_iterate" counts every point that was visited inside the ball, "last_iterate" only where
            each restart ended, as the code of Tao et al. 2022 scores.
        objective: what is climbed, "cross_entropy" as in PGD or "margin" as in C&W.
        surrogate: whether a network that offers attacks a smoother gradient than its own is attacked along that
            (ℓ∞-dist nets do, see `LinfDistNet.surrogate_p`), or along its own, by plain PGD.
        test_limit: how many test examples, a fixed random subset; None takes all.
        batch: how many at once. It does not enter the run id: the noise is drawn per example.
    """

    attack: ProjectedGradient
    success: Literal["any_iterate", "last_iterate"] = "any_iterate"
    objective: Literal["cross_entropy", "margin"] = "cross_entropy"
    test_limit: int | None = None
    batch: int = field(default=500, metadata={"identity": False})
    surrogate: bool = field(default=True, metadata={"implied": True})

    def __post_init__(self) -> None:
        checks.choice("success", self.success, ("any_iterate", "last_iterate"))
        checks.choice("objective", self.objective, ("cross_entropy", "margin"))
        checks.integer("batch", self.batch, at_least=1)
        if self.test_limit is not None:
            checks.integer("test_limit", self.test_limit, at_least=1)

    @property
    def every_iterate(self) -> bool:
        """Whether every point visited counts."""
        return self.success == "any_iterate"

    def climbing(self, goal: Goal) -> Goal:
        """`goal`, with the objective that this evaluation climbs."""
        return Margin(goal) if self.objective == "margin" else goal


@dataclass
class _Verdicts:
    """The flags of all examples while they are being decided, on the device."""

    labels: Tensor
    clean: Tensor
    adv: Tensor
    hyp: Tensor
    sta: Tensor
    hyp_by_stability: Tensor
    hyp_moved: Tensor

    def verification(self, indices: Tensor, prediction: Tensor, undecided: Tensor, at_end: bool) -> None:
        """Take note of what one more candidate of each of the examples at `indices` is classified as.

        Only those count that are `undecided` (a bool for each of `indices`). D⁺ is attacked by the adversary here,
        and D⁻ by the false friend.
        """
        self._record(indices, prediction, undecided)
        if at_end:
            mistake = self.labels[indices] != self.clean[indices]
            self.hyp_moved[indices] |= undecided & mistake & (prediction != self.clean[indices])

    def stability(self, indices: Tensor, prediction: Tensor, undecided: Tensor, at_end: bool) -> None:
        """The same for candidates of the stability attack."""
        hidden = undecided & ~self.hyp[indices] & (prediction == self.labels[indices])
        self.hyp_by_stability[indices] |= hidden
        self._record(indices, prediction, undecided)

    def _record(self, indices: Tensor, prediction: Tensor, undecided: Tensor) -> None:
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
    with full_precision(), attacked(model, surrogate=evaluation.surrogate):
        logits = _clean_logits(model, limited, maximum, evaluation.batch)
        if not bool(torch.isfinite(logits).all()):
            raise DivergedError("the trained model's logits are not finite")
        labels, clean = limited.labels, logits.argmax(1)
        correct = clean == labels
        none = torch.zeros_like(correct)
        verdicts = _Verdicts(labels, clean, ~correct, correct.clone(), none, none.clone(), none.clone())
        search = PooledSearch(
            model,
            limited,
            maximum,
            examples,
            threat_model,
            evaluation.batch,
            evaluation.every_iterate,
            seed,
            progress,
        )

        def verification(indices: Tensor) -> Goal:
            label = labels[indices]
            return PerExample(
                correct[indices],
                evaluation.climbing(Adversarial(label)),
                evaluation.climbing(Hypocritical(label)),
            )

        def stability(indices: Tensor) -> Goal:
            return evaluation.climbing(Stability(logits[indices]))

        def undecided() -> Tensor:
            return ~torch.where(correct, verdicts.adv, verdicts.hyp)

        attack = evaluation.attack
        # At the clean image the divergence is least, and its gradient zero: no direction to set out in.
        away = replace(attack, start="uniform") if attack.start == "clean" else attack
        search.run("verification", attack, verification, undecided, verdicts.verification)
        search.run("stability", away, stability, lambda: ~correct & ~verdicts.sta, verdicts.stability)
    return Flags(
        example=examples.cpu().numpy(),
        label=labels.cpu().numpy(),
        clean_prediction=clean.cpu().numpy(),
        margin=lead(logits, labels).cpu().numpy(),
        lead=lead(logits, clean).cpu().numpy(),
        correct=correct.cpu().numpy(),
        adv=verdicts.adv.cpu().numpy(),
        hyp=verdicts.hyp.cpu().numpy(),
        sta=verdicts.sta.cpu().numpy(),
        # What is hidden has moved, whichever attack found it.
        hyp_moved=(verdicts.hyp_moved | (~correct & verdicts.hyp)).cpu().numpy(),
        hyp_by_stability=verdicts.hyp_by_stability.cpu().numpy(),
    )


def _clean_logits(model: nn.Module, test: Split, maximum: int, batch: int) -> Tensor:
    with torch.no_grad():
        images = (test.images[part].float() / maximum for part in parts(len(test), batch))
        return torch.cat([model(part) for part in images])
