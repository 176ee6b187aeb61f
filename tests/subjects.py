"""What measurements are given, made of a model and a few images."""

from __future__ import annotations

import torch
from torch import nn

from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.measurement import Subject
from hypo.measurements.risks import Share
from hypo.measurements.targeted import TargetedRates


def subject(
    model: nn.Module, test: Split, maximum: int, threat_model: ThreatModel, evaluation: Evaluation, classes: int
) -> Subject:
    """`model` with the flags that `evaluation` finds on `test`."""
    names = tuple(f"class {number}" for number in range(classes))
    return Subject(
        model=model,
        data=ImageData(test, test, names, maximum, mean=(0.0,), std=(1.0,)),
        arch=None,
        threat_model=threat_model,
        evaluation=evaluation,
        flags=evaluate(model, test, maximum, threat_model, evaluation, seed=0),
        seed=0,
        device=torch.device("cpu"),
        models=(),
        progress=lambda done, total: None,
    )


def targeted_rates(measured: Subject) -> list[tuple[Share, Share]]:
    """For each class, the mistakes that are it already, and those of the others that were moved there."""
    already, moved = TargetedRates().measure(measured).curves
    assert [point.at for point in already.points] == [point.at for point in moved.points]
    assert tuple(point.at for point in moved.points) == measured.data.classes
    return [(one.share, other.share) for one, other in zip(already.points, moved.points, strict=True)]
