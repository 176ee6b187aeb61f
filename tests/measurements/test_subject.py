"""What a measurement can ask of its subject: the examples, their logits, and what any search brings to a goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from small_models import linear_model
from subjects import subject
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData, Split
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.measurement import Subject

ATTACK = ProjectedGradient(steps=10)


@dataclass(frozen=True)
class Above:
    """The logit of class 1 is to exceed a threshold: no matter of the prediction alone.

    Attributes:
        thresholds: (batch,).
    """

    thresholds: Tensor

    starts_gaussian: ClassVar[bool] = False

    def objective(self, logits: Tensor) -> Tensor:
        return logits[:, 1]

    def margin(self, logits: Tensor) -> Tensor:
        return logits[:, 1] - self.thresholds


def one_pixel(*pixels: int, evaluation: Evaluation) -> Subject:
    """Under ε = 0.1, the logits of a pixel x being (0, x)."""
    model = linear_model(torch.tensor([[0.0], [1.0]]), torch.zeros(2))
    test = Split(torch.tensor(pixels, dtype=torch.uint8).view(-1, 1, 1, 1), torch.ones(len(pixels)).long())
    return subject(model, test, 100, Linf(0.1), evaluation, classes=2)


def test_each_example_has_a_goal_of_its_own_and_it_may_hang_on_the_logits() -> None:
    thresholds = torch.tensor([0.55, 0.65, 0.65, 0.75])
    measured = one_pixel(50, 50, 60, 60, evaluation=Evaluation(ATTACK))

    def goal(indices: Tensor) -> Goal:
        return Above(thresholds[indices])

    assert measured.reached("above", goal).tolist() == [True, False, True, False]
    wanted = torch.tensor([False, True, True, True])
    assert measured.reached("above", goal, wanted).tolist() == [False, False, True, False]


def test_any_search_of_the_evaluation_will_do() -> None:
    """Standing still finds nothing, and no gradient is needed by the search after it."""
    still = ProjectedGradient(steps=1, relative_step=1e-6, start="clean")

    def goal(indices: Tensor) -> Goal:
        return Above(torch.full((len(indices),), 0.52))

    for then, found in (({}, False), ({"random": RandomPoints(50)}, True)):
        measured = one_pixel(50, evaluation=Evaluation(still, then=then))
        assert measured.reached("above", goal).tolist() == [found]


def test_only_what_was_attacked_is_measured(digits: ImageData, digits_mlp: nn.Module) -> None:
    evaluation = Evaluation(ATTACK, test_limit=40, batch=7)
    measured = subject(digits_mlp, digits.test, 16, Linf(0.05), evaluation, classes=10)
    flags = measured.flags
    assert len(measured.test) == len(flags.label) == 40
    assert measured.test.labels.tolist() == flags.label.tolist()
    assert measured.logits().argmax(1).tolist() == flags.clean_prediction.tolist()
    assert not measured.logits().requires_grad
