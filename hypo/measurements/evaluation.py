"""A trained model and a test split to per-example flags.

The adversary attacks only the correctly classified examples (D⁺) and the false friend only the misclassified
ones (D⁻): the flags of the others are decided by their clean prediction. Both share one pool, with a goal per
example, and an example leaves it as soon as its flag is decided. Afterwards the stability attack runs on those
of D⁻ that nothing has moved yet. Flags are taken over the union of all candidates, which is what makes the
theorems of Tao et al. 2022 hold exactly. Of several searches, each has only what those before it left undecided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal, PerExample, lead
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.margin import Margin
from hypo.attacks.goals.stability import Stability
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import Search
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import Split
from hypo.measurements.pooled_search import Candidates, PooledSearch, Progress, parts
from hypo.measurements.risks import Flags
from hypo.settings import checks
from hypo.settings.errors import DivergedError, InputError
from hypo.settings.precision import full_precision


@dataclass(frozen=True)
class Evaluation:
    """How flags are decided.

    Attributes:
        attack: the first search for adversarial, hypocritical and stability candidates alike; the last never
            starts from the clean image, where there is nothing to climb.
        success: "any_iterate" counts every point that was visited inside the ball, "last_iterate" only where
            each restart ended, as the code of Tao et al. 2022 scores.
        objective: what is climbed, "cross_entropy" as in PGD or "margin" as in C&W.
        surrogate: whether a network that offers attacks a smoother gradient than its own is attacked along that
            (ℓ∞-dist nets do, see `LinfDistNet.surrogate_p`), or along its own, by plain PGD.
        test_limit: how many test examples, a fixed random subset; None takes all.
        batch: how many at once. It does not enter the run id: the noise is drawn per example.
        then: further searches in turn, by any name but "attack".
    """

    attack: ProjectedGradient | Search
    success: Literal["any_iterate", "last_iterate"] = "any_iterate"
    objective: Literal["cross_entropy", "margin"] = "cross_entropy"
    test_limit: int | None = None
    batch: int = field(default=500, metadata={"identity": False})
    surrogate: bool = field(default=True, metadata={"implied": True})
    then: Mapping[str, Search] = field(default_factory=dict, hash=False, metadata={"implied": {}})

    def __post_init__(self) -> None:
        checks.choice("success", self.success, ("any_iterate", "last_iterate"))
        checks.choice("objective", self.objective, ("cross_entropy", "margin"))
        checks.integer("batch", self.batch, at_least=1)
        if self.test_limit is not None:
            checks.integer("test_limit", self.test_limit, at_least=1)
        if "attack" in self.then:
            raise InputError("then: takes other names than attack, which is that of the first search")

    @property
    def searches(self) -> dict[str, Search]:
        """All searches by name, in turn."""
        return {"attack": self.attack, **self.then}

    @property
    def every_iterate(self) -> bool:
        """Whether every point visited counts."""
        return self.success == "any_iterate"

    def climbing(self, goal: Goal) -> Goal:
        """`goal`, with the objective that this evaluation climbs."""
        return Margin(goal) if self.objective == "margin" else goal


@dataclass
class _Verdicts:
    """The flags of all examples while they are being decided, on the device; see `Flags`.

    `decided_by` and `moved_by` are places of searches, and -1 where there is none.
    """

    labels: Tensor
    clean: Tensor
    correct: Tensor
    adv: Tensor
    hyp: Tensor
    sta: Tensor
    hyp_by_stability: Tensor
    hyp_moved: Tensor
    decided_by: Tensor
    moved_by: Tensor

    @classmethod
    def of_clean(cls, labels: Tensor, clean: Tensor) -> _Verdicts:
        """What the clean predictions alone decide."""
        correct = clean == labels
        no, nobody = torch.zeros_like(correct), torch.full_like(labels, -1)
        return cls(
            *(labels, clean, correct, ~correct, correct.clone()),
            *(no, no.clone(), no.clone(), nobody, nobody.clone()),
        )

    def verification(self, candidates: Candidates) -> None:
        """Take note of candidates of the adversary, who attacks D⁺, and of the false friend, who attacks D⁻."""
        self._record(candidates)
        if candidates.at_end:
            self.hyp_moved[candidates.indices] |= candidates.counts & self._is_moved(candidates)

    def stability(self, candidates: Candidates) -> None:
        """The same for those of the stability attack."""
        at = candidates.indices
        hidden = candidates.counts & ~self.hyp[at] & (candidates.predictions == self.labels[at])
        self.hyp_by_stability[at] |= hidden
        self._record(candidates)

    def _is_moved(self, candidates: Candidates) -> Tensor:
        """Whether it is a mistake's, and its prediction another one."""
        at = candidates.indices
        return ~self.correct[at] & (candidates.predictions != self.clean[at])

    def _record(self, candidates: Candidates) -> None:
        at, counts = candidates.indices, candidates.counts
        right = candidates.predictions == self.labels[at]
        self._attribute(self.decided_by, candidates, right ^ self.correct[at])
        self._attribute(self.moved_by, candidates, self._is_moved(candidates))
        self.adv[at] |= counts & ~right
        self.hyp[at] |= counts & right
        self.sta[at] |= counts & (candidates.predictions != self.clean[at])

    def _attribute(self, by: Tensor, candidates: Candidates, reached: Tensor) -> None:
        """Note the search in `by` where it was the first to reach something."""
        at = candidates.indices
        first = candidates.counts & reached & (by[at] < 0)
        by[at] = torch.where(first, candidates.search, by[at])


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
        logits = clean_logits(model, limited, maximum, evaluation.batch)
        if not bool(torch.isfinite(logits).all()):
            raise DivergedError("the trained model's logits are not finite")
        labels, clean = limited.labels, logits.argmax(1)
        verdicts = _Verdicts.of_clean(labels, clean)
        correct = verdicts.correct
        pool = PooledSearch(
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

        # A search does all it can before the next one: what that adds can only be more, and is its own.
        for place, search in enumerate(evaluation.searches.values()):
            pool.run("verification", search, place, verification, undecided, verdicts.verification)
            # At the clean image the divergence is least, and its gradient zero: no direction to set out in.
            away = search.leaving_clean()
            pool.run("stability", away, place, stability, lambda: ~correct & ~verdicts.sta, verdicts.stability)
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
        decided_by=verdicts.decided_by.cpu().numpy(),
        moved_by=verdicts.moved_by.cpu().numpy(),
        searches=tuple(evaluation.searches),
    )


def clean_logits(model: nn.Module, test: Split, maximum: int, batch: int) -> Tensor:
    """(len(test), classes) logits of the images of `test`, which are divided by `maximum`; `batch` at once."""
    with torch.no_grad():
        images = (test.images[part].float() / maximum for part in parts(len(test), batch))
        return torch.cat([model(part) for part in images])
