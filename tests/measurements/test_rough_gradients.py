"""Gradients in bfloat16, and flags that only full precision decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.model_state import attacked
from hypo.attacks.rough_gradients import RoughGradients
from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.searches.gradients import climb
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import State, Visit
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData, Split
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.settings.errors import InputError

BALL = Linf(0.08)
PGD = Evaluation(ProjectedGradient(steps=5), batch=40)


@dataclass(frozen=True)
class Watched:
    """A search, and the points that its steps led to, those of `leaving_clean` apart."""

    search: Any
    visited: list[Tensor] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.search, name)

    def step(self, model: nn.Module, state: State, *rest: Any) -> Visit:
        visit: Visit = self.search.step(model, state, *rest)
        self.visited.append(visit.state["points"])
        return visit


@pytest.fixture(scope="module")
def test_split(digits: ImageData) -> Split:
    return digits.test.select(torch.arange(120))


def test_logits_are_the_models_own_and_gradients_are_near_its_own(
    digits: ImageData, digits_cnn: nn.Module, test_split: Split
) -> None:
    images, goal = test_split.images.float() / digits.maximum, Adversarial(test_split.labels)
    with attacked(digits_cnn) as model:
        exact = climb(model, images, goal.objective)
        rough = climb(RoughGradients(model), images, goal.objective)
        with torch.no_grad():
            assert torch.equal(RoughGradients(model)(images), model(images))
    for theirs, own in zip(rough[:2], exact[:2], strict=True):
        assert torch.equal(theirs, own)
    assert not torch.equal(rough[2], exact[2])
    assert (rough[2] - exact[2]).norm() < 0.05 * exact[2].norm()


@pytest.mark.parametrize("search", [PGD.attack, FastMinimumNorm(steps=6)])
@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn"])
def test_what_full_precision_does_not_break_is_not_flagged(
    request: pytest.FixtureRequest, digits: ImageData, test_split: Split, name: str, search: Any
) -> None:
    model, watched = request.getfixturevalue(name), Watched(search)
    rough = replace(PGD, attack=watched, gradients="bfloat16", batch=len(test_split))
    # One batch from which nobody leaves before the end, so that all can be looked at again.
    flags = evaluate(model, test_split, digits.maximum, BALL, replace(rough, success="last_iterate"), seed=1)
    assert len(watched.visited) == search.steps
    with torch.no_grad():
        broken = model(watched.visited[-1]).argmax(1).numpy() != flags.label
    assert np.array_equal(flags.adv, np.where(flags.correct, broken, True))
    assert 0 < flags.adv[flags.correct].sum() < flags.correct.sum()


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn"])
def test_gradients_in_float32_are_what_there_was_and_rough_ones_find_about_as_much(
    request: pytest.FixtureRequest, digits: ImageData, test_split: Split, name: str
) -> None:
    def adv(evaluation: Evaluation) -> np.ndarray:
        model = request.getfixturevalue(name)
        return evaluate(model, test_split, digits.maximum, BALL, evaluation, seed=1).adv

    own, rough = adv(PGD), adv(replace(PGD, gradients="bfloat16"))
    assert np.array_equal(own, adv(replace(PGD, gradients="float32")))
    assert abs(int(own.sum()) - int(rough.sum())) <= 3


def test_other_precisions_are_refused() -> None:
    build: Callable[..., Evaluation] = Evaluation
    with pytest.raises(InputError, match=r"^gradients: takes one of float32, bfloat16, got 'float16'$"):
        build(ProjectedGradient(), gradients="float16")
