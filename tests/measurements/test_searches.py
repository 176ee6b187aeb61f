"""Any search can be pooled, with what it knows of each example, and several of them go on from each other."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest
import torch
from small_models import InDouble, linear_model, quickly_trained
from subjects import subject, targeted_rates
from torch import Tensor, nn

from hypo.architectures.mlp import Mlp
from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.searches.search import Search, State, Visit
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Flags, risks, searches
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Walk:
    """Steps of one length in one direction; it checks that what it knows is of the image that it is given.

    Attributes:
        by: the length, in [0, 1]; negative to the dark.
        batches: the sizes of the batches that it was given.
        strays: whether it looks beyond the ball too, and says so; it comes back at the end.
    """

    by: float
    steps: int = 10
    strays: bool = False
    batches: list[int] = field(default_factory=list)

    restarts: ClassVar[int] = 1

    def begin(self, images: Tensor, goal: Goal, threat_model: ThreatModel, noise: Tensor) -> State:
        whose = images.flatten(1)[:, 0]
        return {"points": images, "whose": whose, "age": torch.zeros(len(images), dtype=torch.long)}

    def step(
        self, model: nn.Module, state: State, images: Tensor, goal: Goal, threat_model: ThreatModel, number: int
    ) -> Visit:
        self.batches.append(len(images))
        assert torch.equal(state["whose"], images.flatten(1)[:, 0])
        assert (state["age"] == number).all()
        inside = threat_model.distance(state["points"], images) <= threat_model.epsilon + 1e-6
        moved = state["points"] + self.by
        if not self.strays or number + 1 == self.steps:
            moved = threat_model.project(moved, images)
        logits = model(state["points"]).detach()
        after = {"points": moved, "whose": state["whose"], "age": state["age"] + 1}
        return Visit(after, logits, inside if self.strays else None)

    def leaving_clean(self) -> Walk:
        return self


def bright(*boundaries: float) -> nn.Module:
    """One pixel, class k between the k-th boundary and the next."""
    slopes = torch.arange(len(boundaries) + 1.0).view(-1, 1)
    return linear_model(slopes, -torch.tensor([0.0, *boundaries]).cumsum(0))


def one_pixel(*values: float) -> Tensor:
    return (torch.tensor(values) * 1000).round().to(torch.int16).view(-1, 1, 1, 1)


def flags_of(model: nn.Module, test: Split, epsilon: float, *found_by: Search, **settings: object) -> Flags:
    """With searches that are called attack, second, third."""
    first, *others = found_by
    evaluation = Evaluation(first, then=dict(zip(("second", "third"), others, strict=False)), **settings)  # type: ignore[arg-type]
    flags = evaluate(model, test, 1000, Linf(epsilon), evaluation, seed=0)
    risks(flags)  # which asserts the theorems
    return flags


@pytest.mark.parametrize("batch", [1, 3, 500])
def test_what_a_search_knows_of_an_example_leaves_and_stays_with_it(batch: int) -> None:
    distances = torch.tensor([35, 5, 95, 200, 55, 15, 300, 75, 25, 65])
    images = (500 - distances).to(torch.int16).view(-1, 1, 1, 1)
    labels = torch.zeros(10, dtype=torch.long)
    walk = Walk(0.01)
    flags = flags_of(bright(0.5), Split(images, labels), 0.2, walk, batch=batch)
    np.testing.assert_array_equal(flags.adv, (distances < 100).numpy())
    # At step k it looks k hundredths from the image, and those reached by the step before are gone.
    left = [int((distances > 10 * (number - 1)).sum()) for number in range(10)]
    left[0] = 10
    sizes = [min(batch, count - at) for count in left for at in range(0, count, batch)]
    assert walk.batches == sizes


def test_only_points_in_the_ball_count() -> None:
    test = Split(one_pixel(0.48, 0.44, 0.2), torch.zeros(3, dtype=torch.long))
    flags = flags_of(bright(0.5), test, 0.05, Walk(0.03, strays=True))
    assert flags.adv.tolist() == [True, False, False]


def test_each_search_has_what_those_before_it_left_and_is_said_to_have_decided_it() -> None:
    """Classes 0, 1, 2 by brightness; label 1. To the right of 0.4 and to the left of 0.6 all is correct."""
    pixels = [0.41, 0.59, 0.5, 0.39, 0.61, 0.1, 0.9]
    test = Split(one_pixel(*pixels), torch.ones(7, dtype=torch.long))
    up, down = Walk(0.01), Walk(-0.01)
    flags = flags_of(bright(0.4, 0.6), test, 0.05, up, down)
    assert flags.correct.tolist() == [True, True, True, False, False, False, False]
    assert flags.adv[:3].tolist() == [True, True, False]
    assert flags.hyp[3:].tolist() == [True, True, False, False]
    # Up leaves class 1 for class 2 and class 0 for class 1, down the other way round.
    assert flags.search.tolist() == ["second", "attack", None, "attack", "second", None, None]
    assert flags.sta_search.tolist() == [None, None, None, "attack", "second", None, None]
    # Each step of a batch, and once more where it ended: five examples and three mistakes, then three and two.
    assert searches(flags) == {
        "attack": {"adv": 1, "hyp": 1, "sta": 1, "passes": sum(up.batches) + 5 + 3},
        "second": {"adv": 1, "hyp": 1, "sta": 1, "passes": sum(down.batches) + 3 + 2},
    }
    assert up.batches[0] == 7
    assert down.batches[0] == 5  # all but the two that are decided


def test_what_two_searches_can_both_decide_is_the_first_one_s() -> None:
    test = Split(one_pixel(0.5), torch.ones(1, dtype=torch.long))
    for order in ((Walk(0.01), Walk(-0.01)), (Walk(-0.01), Walk(0.01))):
        assert flags_of(bright(0.45, 0.55), test, 0.1, *order).search.tolist() == ["attack"]
        assert order[1].batches == []


def test_a_mistake_is_moved_where_any_search_ends_elsewhere() -> None:
    """Label 3 is never reached: up ends in class 2, and down in class 0."""
    test = Split(one_pixel(0.45, 0.55, 0.5), torch.full((3,), 3))
    model = bright(0.4, 0.6, 9.0)
    up, down = Walk(0.01), Walk(-0.01)
    for found_by, moved in (((up,), [False, True, False]), ((up, down), [True, True, False])):
        flags = flags_of(model, test, 0.08, *found_by)
        assert flags.hyp_moved.tolist() == flags.sta.tolist() == moved
        assert flags.search.tolist() == [None, None, None]
    assert flags.sta_search.tolist() == ["second", "attack", None]


def test_the_stability_attack_searches_in_turn_too() -> None:
    """The first search of the false friend and of its own goes up alone, and only the second one finds class 0."""
    test = Split(one_pixel(0.45), torch.ones(1, dtype=torch.long))
    climb = ProjectedGradient(steps=5, start="clean")
    model = bright(0.4, 0.6, 9.0)

    def flags(*found_by: Search) -> Flags:
        return flags_of(model, Split(test.images, torch.tensor([3])), 0.08, *found_by, success="last_iterate")

    assert flags(Walk(0.001), climb).sta_search.tolist() == ["second"]
    assert flags(Walk(-0.01), climb).sta_search.tolist() == ["attack"]


@pytest.fixture(scope="module")
def model(digits_cnn: nn.Module) -> nn.Module:
    return InDouble(copy.deepcopy(digits_cnn)).eval()


@pytest.fixture(scope="module")
def test_split(digits: ImageData) -> Split:
    part = digits.test.select(torch.arange(150))
    return Split((part.images.float() * 1000 / digits.maximum).to(torch.int16), part.labels)


@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
def test_two_searches_decide_what_either_does(model: nn.Module, test_split: Split, success: str) -> None:
    """From the clean image, where nothing is random."""
    one, other = (
        ProjectedGradient(steps=5, start="clean"),
        ProjectedGradient(steps=1, relative_step=1, start="clean"),
    )

    def flags(*found_by: Search) -> Flags:
        return flags_of(model, test_split, 0.06, *found_by, success=success)

    for first, second in ((one, other), (other, one)):
        both, alone, then = flags(first, second), flags(first), flags(second)
        right = both.correct
        np.testing.assert_array_equal(both.adv[right], (alone.adv | then.adv)[right])
        np.testing.assert_array_equal(both.search[right] == "attack", alone.adv[right])
        np.testing.assert_array_equal(both.search[right] == "second", (then.adv & ~alone.adv)[right])
        assert (both.hyp >= (alone.hyp & ~alone.hyp_by_stability)).all()
        assert (both.hyp >= (then.hyp & ~then.hyp_by_stability)).all()
    assert 0 < both.adv[right].sum() < right.sum()


def test_what_a_first_search_finds_does_not_depend_on_what_follows(model: nn.Module, test_split: Split) -> None:
    attack = ProjectedGradient(steps=2, relative_step=0.3)
    alone = flags_of(model, test_split, 0.06, attack)
    more = flags_of(model, test_split, 0.06, attack, attack, RandomPoints(5))
    right = alone.correct
    np.testing.assert_array_equal(more.search[right] == "attack", alone.adv[right])
    assert (more.search == "second").any()  # the same search from other noise
    assert (more.adv >= alone.adv).all()
    assert (more.hyp >= (alone.hyp & ~alone.hyp_by_stability)).all()
    counts = searches(more)
    assert sum(count["adv"] for count in counts.values()) == more.adv[right].sum()
    assert sum(count["hyp"] for count in counts.values()) == more.hyp[~right].sum()
    assert sum(count["sta"] for count in counts.values()) == more.sta[~right].sum()


def test_targets_are_searched_for_in_turn() -> None:
    test = Split(one_pixel(0.38, 0.62, 0.45, 0.55), torch.full((4,), 3))
    model = bright(0.4, 0.6, 9.0)
    for found_by, moved in (([Walk(0.01)], [0, 1, 1]), ([Walk(0.01), Walk(-0.01)], [1, 2, 1])):
        evaluation = Evaluation(found_by[0], then=dict(zip(["second"], found_by[1:], strict=False)))
        rates = targeted_rates(subject(model, test, 1000, Linf(0.11), evaluation, 3))
        assert [there.count for _, there in rates] == moved


def test_the_first_search_s_name_is_its_own() -> None:
    with pytest.raises(InputError, match=r"^then: takes other names than attack"):
        Evaluation(ProjectedGradient(), then={"attack": RandomPoints()})


@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
def test_a_further_search_takes_nothing_away_from_any_example(digits: ImageData, success: str) -> None:
    """Not even a mistake that only the stability attack of the first one hides, had another moved it before."""
    network = quickly_trained(Mlp((32,)).build(digits.shape, 10), digits, epochs=1)
    weak = ProjectedGradient(steps=2, relative_step=0.3)
    for seed in range(3):
        alone, both = (
            evaluate(network, digits.test, 16, Linf(0.1), Evaluation(weak, success=success, then=then), seed=seed)  # type: ignore[arg-type]
            for then in ({}, {"random": RandomPoints(steps=300)})
        )
        assert (alone.sta_search == "attack").sum() == (both.sta_search == "attack").sum()
        for flag in ("adv", "hyp", "sta", "hyp_moved"):
            assert not (getattr(alone, flag) & ~getattr(both, flag)).any(), flag
        for by in ("search", "sta_search"):
            named = getattr(alone, by) == "attack"
            assert (getattr(both, by)[named] == "attack").all()
