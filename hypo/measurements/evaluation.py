"""A trained model and a test split to per-example flags.

The adversary attacks only the correctly classified examples (D⁺) and the false friend only the misclassified
ones (D⁻): the flags of the others are decided by their clean prediction. Both share one pool, with a goal per
example, and an example leaves it as soon as its flag is decided. Afterwards the stability attack runs on those
of D⁻ that nothing has moved yet. Flags are taken over the union of all candidates, which is what makes the
theorems of Tao et al. 2022 hold exactly. Of several searches, each has only what those before it left undecided.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.margin import Margin
from hypo.attacks.goals.stability import Stability
from hypo.attacks.goals.verification import Verification
from hypo.attacks.model_state import attacked
from hypo.attacks.rough_gradients import RoughGradients
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import Search
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import Split
from hypo.measurements.chunks import Chunk, in_chunks
from hypo.measurements.kept import NOTHING, Kept
from hypo.measurements.passes import counted
from hypo.measurements.pooled_search import PooledSearch, Progress, parts
from hypo.measurements.risks import Flags
from hypo.measurements.verdicts import Verdicts, joined
from hypo.measurements.whole import Whole
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
        objective: what is climbed by searches that climb nothing of their own, "cross_entropy" as in PGD or
            "margin" as in C&W.
        surrogate: whether a network that offers attacks a smoother gradient than its own is attacked along that
            (ℓ∞-dist nets do, see `LinfDistNet.surrogate_p`), or along its own, by plain PGD.
        gradients: "float32", or "bfloat16" for the way up alone: every flag is decided in full precision, see
            `RoughGradients`.
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
    gradients: Literal["float32", "bfloat16"] = field(default="float32", metadata={"implied": "float32"})
    then: Mapping[str, Search] = field(default_factory=dict, hash=False, metadata={"implied": {}})

    def __post_init__(self) -> None:
        checks.choice("success", self.success, ("any_iterate", "last_iterate"))
        checks.choice("objective", self.objective, ("cross_entropy", "margin"))
        checks.choice("gradients", self.gradients, ("float32", "bfloat16"))
        checks.integer("batch", self.batch, at_least=1)
        if self.test_limit is not None:
            checks.integer("test_limit", self.test_limit, at_least=1)
        if "attack" in self.then:
            raise InputError("then: takes other names than attack, which is that of the first search")
        # Two evaluations with the same searches in another order are not equal.
        object.__setattr__(self, "then", OrderedDict(self.then))

    @property
    def searches(self) -> dict[str, Search]:
        """All searches by name, in turn."""
        return {"attack": self.attack, **self.then}

    def check(self, threat_model: ThreatModel) -> None:
        """Refuse, with InputError, a threat model that one of the searches is not for."""
        for name, search in self.searches.items():
            if hasattr(search, "check"):
                key = "evaluation.attack" if name == "attack" else f"evaluation.then.{name}"
                try:
                    search.check(threat_model)
                except InputError as error:
                    raise InputError(f"{key}: {error}") from None

    @property
    def every_iterate(self) -> bool:
        """Whether every point visited counts."""
        return self.success == "any_iterate"

    def climbing(self, goal: Goal) -> Goal:
        """`goal`, with the objective that this evaluation climbs."""
        return Margin(goal) if self.objective == "margin" else goal

    def shown(self, model: nn.Module) -> nn.Module:
        """`model` as searches are to see it."""
        return RoughGradients(model) if self.gradients == "bfloat16" else model


def evaluate(
    model: nn.Module,
    test: Split,
    maximum: int,
    threat_model: ThreatModel,
    evaluation: Evaluation,
    seed: int,
    progress: Progress = lambda done, total: None,
    decided: Progress = lambda examples, total: None,
    kept: Kept = NOTHING,
) -> Flags:
    """The flags of every example of `test`, which are the same whatever is attacked in one go.

    Args:
        model: from (batch, channels, height, width) images in [0, 1] to logits; left as found.
        test: on the model's device; its images are divided by `maximum`.
        seed: of the random starting points, which depend on it and the example alone.
        progress: told how much is done of all searches on all examples, as if none were decided early; while the
            clean images of many examples are looked at, as if all were mistakes.
        decided: told how many examples' own flags are decided, out of how many.
        kept: what an earlier attempt at the same, on the same model, has found; that is not repeated.

    Raises:
        DivergedError: when the model's clean logits are not finite.
    """
    limited, examples = test.limited(evaluation.test_limit)
    chunks = list(in_chunks(limited, examples, evaluation.batch))
    last = len(evaluation.searches) - 1
    with full_precision(), attacked(model, surrogate=evaluation.surrogate), counted(model) as passes:
        # What a model can be refused by comes before what takes long.
        verdicts = []
        attacks = [(search, search.leaving_clean()) for search in evaluation.searches.values()]
        most = 1 + sum(each.restarts * each.steps for pair in attacks for each in pair)
        for chunk in chunks:
            verdicts.append(_begun(model, chunk, maximum, evaluation.batch, kept, len(chunks) > 1))
            if len(chunks) > 1:  # even this takes a while, and how many mistakes there are is not known
                progress(sum(len(each.labels) for each in verdicts), most * len(examples))
        whole = Whole(progress, sum(sum(_work(pair, each)) for pair in attacks for each in verdicts))

        def tell() -> None:
            decided(sum(int((~one.undecided).sum()) for one in verdicts), len(examples))

        if any(each.passes for each in verdicts):
            tell()
        for chunk, each in zip(chunks, verdicts, strict=True):
            pool = PooledSearch(
                evaluation.shown(model),
                chunk.split,
                maximum,
                chunk.examples,
                threat_model,
                evaluation.batch,
                evaluation.every_iterate,
                seed,
                whole.told,
                passes,
            )
            # A search does all it can before the next one: what that adds can only be more, and is its own.
            for place, pair in enumerate(attacks):
                if place < len(each.passes):  # an earlier attempt's
                    whole.done += sum(_work(pair, each))
                    continue
                before = passes.images
                _attack(pool, evaluation, place, pair, each, whole)
                each.passes.append(passes.images - before)
                tell()
                if chunk is not chunks[-1] or place < last:  # the very last is not kept but returned
                    kept.put(chunk.name, each.arrays())
    return joined(verdicts).flags(examples, tuple(evaluation.searches))


def _begun(
    model: nn.Module, chunk: Chunk, maximum: int, batch: int, kept: Kept, is_one_of_several: bool
) -> Verdicts:
    """What is known of the examples before they are attacked, or what an earlier attempt found out about them."""
    arrays = kept.get(chunk.name)
    earlier = None if arrays is None else Verdicts.of_kept(arrays, chunk.split.labels.device)
    if earlier is not None:
        return earlier
    logits = clean_logits(model, chunk.split, maximum, batch)
    if not bool(torch.isfinite(logits).all()):
        raise DivergedError("the trained model's logits are not finite")
    verdicts = Verdicts.of_clean(chunk.split.labels, logits)
    if is_one_of_several:
        kept.put(chunk.name, verdicts.arrays())
    return verdicts


def _work(pair: tuple[Search, Search], verdicts: Verdicts) -> tuple[int, int]:
    """How many steps of one example verification and stability attack take at most, the latter on mistakes."""
    search, away = pair
    mistakes = int((~verdicts.correct).sum())
    return search.restarts * search.steps * len(verdicts.correct), away.restarts * away.steps * mistakes


def _attack(
    pool: PooledSearch,
    evaluation: Evaluation,
    place: int,
    pair: tuple[Search, Search],
    verdicts: Verdicts,
    whole: Whole,
) -> None:
    """One search of the examples in `pool`, for their own flags and then for stability."""

    def verification(indices: Tensor) -> Goal:
        return evaluation.climbing(Verification(verdicts.labels[indices], verdicts.correct[indices]))

    def stability(indices: Tensor) -> Goal:
        return evaluation.climbing(Stability(verdicts.logits[indices]))

    (search, away), (first, second) = pair, _work(pair, verdicts)
    with whole.part(first):
        pool.run("verification", search, place, verification, lambda: verdicts.undecided, verdicts.verification)
    # At the clean image the divergence is least, and its gradient zero: no direction to set out in.
    with whole.part(second):
        pool.run("stability", away, place, stability, lambda: verdicts.unmoved, verdicts.stability)


def clean_logits(model: nn.Module, test: Split, maximum: int, batch: int) -> Tensor:
    """(len(test), classes) logits of the images of `test`, which are divided by `maximum`; `batch` at once."""
    with torch.no_grad():
        images = (test.images[part].float() / maximum for part in parts(len(test), batch))
        return torch.cat([model(part) for part in images])
