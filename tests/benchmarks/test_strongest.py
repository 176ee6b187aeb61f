"""Other libraries' attacks are counted against our flags as they should be, whatever they find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import linear_model
from torch import Tensor

from benchmarks.audited import digits_settings
from benchmarks.oracles import Attacked, Oracle
from benchmarks.strongest import Judged, exceeded, judge
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import Split
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Flags

# foolbox 3.3.4 imports from scipy's deprecated namespaces.
pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

# One pixel, class 1 above the middle. With ε = 0.2 the first three change sides, and the last two do not.
PIXELS, LABELS, EPSILON = [0.4, 0.6, 0.4, 0.2, 0.8], [0, 1, 1, 0, 0], 0.2


def subject() -> Attacked:
    model = linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, -0.5])).eval()
    images = torch.tensor(PIXELS).view(-1, 1, 1, 1)
    return Attacked(model, images, torch.tensor(LABELS), Linf(EPSILON), hide=False, budget=10)


def ours(steps: int) -> Flags:
    """From the clean image by steps of ε/4, of which three are needed."""
    one = subject()
    split = Split((one.images * 10).round().to(torch.uint8), one.labels)
    search = ProjectedGradient(steps=steps, start="clean")
    return evaluate(one.model, split, 10, Linf(EPSILON), Evaluation(search), seed=0)


def to_the_other_side(attacked: Attacked) -> Tensor:
    """One pass of the model, and then as far as can be, out of the ball and out of [0, 1]."""
    above = attacked.model(attacked.images).argmax(1).bool()
    return torch.where(above, -5.0, 5.0).view(-1, 1, 1, 1)


def only(oracle: Oracle) -> Callable[[bool, bool], Mapping[str, Oracle]]:
    return lambda hide, in_l2: {"oracle": oracle}


def test_an_oracle_that_finds_more_is_caught_and_only_where_it_is_in_the_ball() -> None:
    assert judge(subject(), ours(steps=4), 2, only(to_the_other_side)) == {"oracle": Judged(5, 3, 3, 0, 1.0)}
    assert judge(subject(), ours(steps=1), 2, only(to_the_other_side)) == {"oracle": Judged(5, 3, 0, 3, 1.0)}
    broken = judge(subject(), replace(ours(steps=4), adv=np.zeros(5, bool)), 2, only(to_the_other_side))
    assert broken == {"oracle": Judged(5, 3, 1, 2, 1.0)}


def test_an_oracle_gets_each_example_with_its_own_goal() -> None:
    given = []

    def note(attacked: Attacked) -> Tensor:
        given.append((attacked.hide, attacked.labels.tolist(), attacked.images.flatten().tolist()))
        return attacked.images

    judge(subject(), ours(steps=4), 10, only(note))
    assert given == [
        (False, [0, 1, 0], pytest.approx([0.4, 0.6, 0.2])),
        (True, [1, 0], pytest.approx([0.4, 0.8])),
    ]


def test_what_is_not_a_number_is_not_found() -> None:
    def nowhere(attacked: Attacked) -> Tensor:
        return torch.full_like(attacked.images, torch.nan)

    (judged,) = judge(subject(), ours(steps=4), 10, only(nowhere)).values()
    assert (judged.found, judged.missed) == (0, 0)


def test_limits() -> None:
    robust = replace(next(digits_settings()), robust=True)
    two, three = (Judged(tried=900, found=100, ours=100, missed=missed, passes=126.0) for missed in (2, 3))
    assert exceeded(robust, {"one": two, "other": two}, 6.0, examples=1_000) == []
    (line,) = exceeded(robust, {"one": two, "other": three}, 6.0, examples=1_000)
    assert "other found 3 of 1000 examples that ours missed, at most 2" in line
    (line,) = exceeded(robust, {"one": two}, 6.01, examples=1_000)
    assert "6.01× the passes, at most 6×" in line
    assert exceeded(replace(robust, robust=False), {"one": two}, 6.01, examples=1_000) == []
