"""Risks by class: known on a line, adding up to those of all, undefined where there is nothing to divide by."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from composing import job as composed
from small_models import linear_model
from subjects import subject
from torch import nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData, Split
from hypo.measurements.classes import Classes, finding
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Finding
from hypo.measurements.risks import Flags, Share, risks

NAMES = ("D", "A", "F", "R_nat", "R_adv_plus", "R_hyp_minus")


def shares(found: Finding) -> dict[str, dict[str, Share]]:
    """By curve and class."""
    return {curve.name: {str(point.at): point.share for point in curve.points} for curve in found.curves}


def test_on_a_line_every_class_is_known() -> None:
    """One pixel x, prediction 1 where x > 127.5, ε = 25.5; label 2 is never predicted, and 3 has no image."""
    model = linear_model(torch.tensor([[-1.0], [1.0], [0.0], [0.0]]), torch.tensor([0.5, -0.5, -9.0, -9.0]))
    images = {0: (20, 110, 140, 200), 1: (150, 240, 250), 2: (120,)}
    pixels = torch.tensor([pixel for row in images.values() for pixel in row], dtype=torch.uint8)
    labels = torch.tensor([label for label, row in images.items() for _ in row])
    test = Split(pixels.view(-1, 1, 1, 1), labels)
    measured = subject(model, test, 255, Linf(0.1), Evaluation(ProjectedGradient(steps=10)), classes=4)
    found = shares(Classes().measure(measured))
    assert {name: [(share.count, share.of) for share in of.values()] for name, of in found.items()} == {
        "D": [(2, 4), (3, 3), (0, 1), (0, 0)],
        "A": [(1, 4), (2, 3), (0, 1), (0, 0)],
        "F": [(3, 4), (3, 3), (0, 1), (0, 0)],
        "R_nat": [(2, 4), (0, 3), (1, 1), (0, 0)],
        "R_adv_plus": [(1, 2), (1, 3), (0, 0), (0, 0)],
        "R_hyp_minus": [(1, 2), (0, 0), (0, 1), (0, 0)],
    }
    assert list(found["D"]) == [f"class {label}" for label in range(4)]


@pytest.mark.parametrize("limit", [None, 200])
def test_the_classes_add_up_to_the_whole(digits: ImageData, digits_mlp: nn.Module, limit: int | None) -> None:
    evaluation = Evaluation(ProjectedGradient(steps=5), test_limit=limit)
    measured = subject(digits_mlp, digits.test, 16, Linf(0.06), evaluation, classes=10)
    found, whole = shares(Classes().measure(measured)), risks(measured.flags)
    for name in NAMES:
        parts = found[name].values()
        assert sum(share.count for share in parts) == whole[name].count > 0
        assert sum(share.of for share in parts) == whole[name].of
    assert len({share.value for share in found["A"].values()}) > 3


def test_two_classes_that_are_called_the_same_stay_two() -> None:
    nobody = np.full(3, -1)
    labels = np.array([0, 1, 2])
    correct = np.array([True, False, True])
    flags = Flags(
        *(labels, labels, np.where(correct, labels, 0), np.zeros(3, np.float32), np.zeros(3, np.float32)),
        *(correct, ~correct, correct, ~correct, np.zeros(3, bool), np.zeros(3, bool), nobody, nobody),
        searches=("attack",),
    )
    found = shares(finding(flags, ("crane", "kite", "crane")))
    assert {name: share.count for name, share in found["D"].items()} == {"crane (0)": 1, "kite": 0, "crane (2)": 1}


def test_it_is_an_option_like_any_other() -> None:
    measurement = composed("measurement=[classes,pictures]").experiment.measurements["classes"]
    assert measurement == Classes()
