"""Every search there is as a further one of an evaluation: for all of its goals at once, in pools that shrink."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from small_models import InDouble
from torch import nn

from hypo.attacks.searches.auto_pgd import AutoPGD
from hypo.attacks.searches.decoupled_direction_norm import DecoupledDirectionNorm
from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import Search
from hypo.attacks.searches.square import Square
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Flags

SEARCHES: dict[str, Search] = {
    "apgd": AutoPGD(20, objective="margin"),
    "targeted": AutoPGD(30, objective="targeted_dlr", targets=3),
    "fmn": FastMinimumNorm(20),
    "ddn": DecoupledDirectionNorm(20),
    "square": Square(60),
}
FIRST = ProjectedGradient(steps=1, relative_step=0.2, start="clean")  # leaves something to be found


def flags_of(
    digits: ImageData, model: nn.Module, kind: type, then: dict[str, Search], **settings: object
) -> Flags:
    test = digits.test.select(torch.arange(60))
    evaluation = Evaluation(FIRST, then=then, **settings)  # type: ignore[arg-type]
    return evaluate(model, test, digits.maximum, kind(0.1 if kind is Linf else 0.4), evaluation, seed=0)


@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in SEARCHES for kind in (Linf, L2) if kind is L2 or name != "ddn"]
)
def test_it_adds_flags_whatever_the_batch(
    digits: ImageData, digits_mlp: nn.Module, name: str, kind: type, success: str
) -> None:
    model = InDouble(copy.deepcopy(digits_mlp)).eval()
    alone = flags_of(digits, model, kind, {}, success=success)
    then = {name: SEARCHES[name]}
    flags, in_parts = (flags_of(digits, model, kind, then, success=success, batch=size) for size in (500, 7))
    for flag in ("adv", "hyp", "sta", "hyp_moved", "decided_by", "moved_by"):
        np.testing.assert_array_equal(getattr(flags, flag), getattr(in_parts, flag))
    added = 0
    for flag in ("adv", "hyp", "sta"):
        before, after = getattr(alone, flag), getattr(flags, flag)
        assert (after | ~before).all()
        added += int((after & ~before).sum())
    assert added > 0


def test_what_only_lies_outside_the_ball_is_never_counted(digits: ImageData, digits_mlp: nn.Module) -> None:
    """In a ball in which nothing is in reach a minimum-norm search visits what reaches the goal, far outside."""
    model, test = InDouble(copy.deepcopy(digits_mlp)).eval(), digits.test.select(torch.arange(60))
    for ball in (Linf(1e-6), L2(1e-6)):
        evaluation = Evaluation(FastMinimumNorm(20))
        flags = evaluate(model, test, digits.maximum, ball, evaluation, seed=0)
        assert not (flags.adv & flags.correct).any()
        assert not (flags.hyp & ~flags.correct).any()
        assert not flags.sta[~flags.correct].any()
