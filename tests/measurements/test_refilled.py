"""Slots that are filled again find what shrinking batches find, with and without what stands in for a graph."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import InDouble
from stand_in_graph import StandInGraph
from torch import nn

from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData
from hypo.measurements import pooled_search
from hypo.measurements import refilled as refilling
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Flags

PGD = ProjectedGradient(steps=6)
CASES: dict[str, tuple[ThreatModel, Evaluation]] = {
    "every iterate": (Linf(0.06), Evaluation(PGD, batch=16)),
    "fewer than slots": (Linf(0.06), Evaluation(PGD, batch=500)),
    "where it ends": (Linf(0.06), Evaluation(PGD, "last_iterate", batch=16)),
    "ℓ2, margin, restarts": (L2(0.4), Evaluation(replace(PGD, restarts=2), objective="margin", batch=32)),
    "as the authors begin": (Linf(0.05), Evaluation(replace(PGD, start="authors_code"), batch=16)),
    "clean, and another that is not alike": (
        Linf(0.04),
        Evaluation(replace(PGD, start="clean"), batch=16, then={"fmn": FastMinimumNorm(steps=4)}),
    ),
}


def everything(flags: Flags) -> dict[str, object]:
    found = {name: getattr(flags, name) for name in Flags.__dataclass_fields__}
    return {name: each.tolist() if isinstance(each, np.ndarray) else each for name, each in found.items()}


@pytest.fixture
def flags_of(
    digits: ImageData, digits_mlp: nn.Module, digits_cnn: nn.Module
) -> Callable[[str, ThreatModel, Evaluation], dict[str, object]]:
    models = {"mlp": digits_mlp, "cnn": digits_cnn}

    def flags(name: str, threat_model: ThreatModel, evaluation: Evaluation) -> dict[str, object]:
        # In float64 not even the last digit depends on who else is in a batch.
        model = InDouble(copy.deepcopy(models[name])).eval()
        test = digits.test.select(torch.arange(90))
        return everything(evaluate(model, test, digits.maximum, threat_model, evaluation, seed=3))

    return flags


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_flags_and_passes_are_those_of_batches_that_shrink(
    flags_of: Callable[..., dict[str, object]], monkeypatch: pytest.MonkeyPatch, case: str, model: str
) -> None:
    shrinking = flags_of(model, *CASES[case])
    graphs: list[StandInGraph] = []

    def stand_in(device: torch.device) -> StandInGraph:
        graphs.append(StandInGraph())
        return graphs[-1]

    # Before their last look batches do not shrink.
    passes = shrinking.pop("passes")
    monkeypatch.setattr(pooled_search, "REFILLED_ON", ("cpu",))
    plainly = flags_of(model, *CASES[case])
    monkeypatch.setattr(refilling, "graph_on", stand_in)
    replayed = flags_of(model, *CASES[case])
    assert plainly.pop("passes") == replayed.pop("passes") <= passes
    assert plainly == replayed == shrinking
    assert any(graph.replays for graph in graphs)
    assert 0 < sum(shrinking["adv"]) < 90  # type: ignore[call-overload]


def test_examples_without_a_gradient_wander_as_they_do_in_step(
    flags_of: Callable[..., dict[str, object]], digits: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the gradient is zero, the step goes another random way at each number."""

    class Flat(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            pixels = images.flatten(1)
            decided = (pixels[:, :10] * 40).round()  # no slope anywhere
            return decided + 0 * pixels.sum(1, keepdim=True)

    def flags() -> dict[str, object]:
        test = digits.test.select(torch.arange(60))
        return everything(evaluate(Flat().eval(), test, digits.maximum, Linf(0.05), CASES["every iterate"][1], 0))

    shrinking = flags()
    passes = shrinking.pop("passes")
    monkeypatch.setattr(pooled_search, "REFILLED_ON", ("cpu",))
    refilled = flags()
    assert refilled.pop("passes") <= passes
    assert refilled == shrinking
    assert 0 < sum(shrinking["sta"]) < 60  # type: ignore[call-overload]
