"""Useful and robustly useful features, where both are known: of linear features the infimum is ρ − ε‖w‖_* / σ."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from composing import cell
from subjects import subject
from torch import Tensor, nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.features import Features, finding, usefulness
from hypo.measurements.measurement import Subject
from hypo.settings.errors import InputError

GREY = 0.5
PIXELS = 16


def made_images(count: int, classes: int = 2, noise: float = 0.05) -> Split:
    """Grey images, class c brighter in its own pixel; far enough from 0 and 1 for any ball of these tests."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % classes
    pixels = GREY + noise * torch.randn(count, PIXELS, generator=random)
    pixels[torch.arange(count), labels] += 0.1
    levels = (255 * pixels).round().clamp(60, 195).to(torch.uint8)
    return Split(levels.view(count, 1, 4, 4), labels)


def linear_features(weight: Tensor, classes: int = 2) -> nn.Module:
    """g(x) = W·x, whatever the logits."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, len(weight)), nn.Linear(len(weight), classes)).eval()
    with torch.no_grad():
        network[1].weight.copy_(weight)  # type: ignore[union-attr,operator]
    return network


def measured(
    weight: Tensor, test: Split, threat_model: ThreatModel, classes: int = 2, batch: int = 500
) -> Subject:
    evaluation = Evaluation(ProjectedGradient(steps=1), batch=batch)
    return subject(linear_features(weight, classes), test, 255, threat_model, evaluation, classes)


def by_hand(weight: Tensor, test: Split, wanted: int) -> tuple[Tensor, Tensor]:
    """ρ of each feature for one class, before its sign is taken away, and σ."""
    values = test.images.flatten(1).double() / 255 @ weight.double().T
    sigma = values.std(0, correction=0)
    there = test.labels == wanted
    return (values[there].mean(0) - values[~there].mean(0)) / (2 * sigma), sigma


def of_each(subject: Subject, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> tuple[list[float], list[float]]:
    """ρ and γ of the attacked features, the most useful first."""
    seen: list[Any] = []
    monkeypatch.setattr(
        "hypo.measurements.features.finding", lambda *found: (seen.append(found), finding(*found))[1]
    )
    Features(**settings).measure(subject)
    ((_, rho, gamma, _),) = seen
    return list(rho), list(gamma)


@pytest.mark.parametrize(("threat_model", "dual"), [(Linf(0.01), 1), (L2(0.03), 2)], ids=["linf", "l2"])
def test_of_linear_features_gamma_is_rho_less_the_dual_norm(
    monkeypatch: pytest.MonkeyPatch, threat_model: ThreatModel, dual: float
) -> None:
    test = made_images(300)
    weight = torch.randn(5, PIXELS, generator=torch.Generator().manual_seed(1))
    weight[0, :2] = torch.tensor([-3.0, 3.0])  # small on the first class
    expected, sigma = by_hand(weight, test, 0)
    order = expected.abs().argsort(descending=True)
    loss = threat_model.epsilon * weight.double().norm(p=dual, dim=1) / sigma
    of = measured(weight, test, threat_model)
    rho, gamma = of_each(of, monkeypatch, attack=ProjectedGradient(steps=1, relative_step=1, start="clean"))
    assert rho == pytest.approx(expected.abs()[order].tolist(), abs=1e-5)
    assert gamma == pytest.approx((expected.abs() - loss)[order].tolist(), abs=1e-4)
    assert min(gamma) < 0 < max(gamma)
    _, by_default = of_each(of, monkeypatch)
    assert by_default == pytest.approx(gamma, abs=1e-3)
    assert all(found > exact - 1e-5 for found, exact in zip(by_default, gamma, strict=True)), "an upper bound"


def test_with_two_classes_of_one_size_rho_is_equation_1() -> None:
    features, labels = torch.randn(100, 7, dtype=torch.float64), torch.arange(100) % 2
    standardised = (features - features.mean(0)) / features.std(0, correction=0)
    signed = 1.0 - 2 * labels.double()
    assert torch.allclose(usefulness(features, labels, 2).rho, (signed[:, None] * standardised).mean(0).abs())


def test_a_feature_speaks_of_the_class_that_it_tells_best() -> None:
    test = made_images(600, classes=3, noise=0.02)
    weight = torch.zeros(4, PIXELS)
    weight[0, 0], weight[1, 1], weight[2, 2], weight[3, 9] = 1, -2, 1, 1
    features = test.images.flatten(1).double() @ weight.double().T
    useful = usefulness(features, test.labels, 3)
    assert useful.tells[:3].tolist() == [0, 1, 2]
    assert useful.sign[:3].tolist() == [1, -1, 1]
    assert float(useful.rho[:3].min()) > 0.9 > 0.1 > float(useful.rho[3])


@pytest.mark.parametrize("labels", [torch.zeros(4, dtype=torch.int64), torch.tensor([0, 1, 0, 1])])
def test_a_constant_feature_and_one_of_a_single_class_are_of_no_use(labels: Tensor) -> None:
    constant = torch.full((4, 1), 3.0, dtype=torch.float64)
    varying = torch.arange(4.0, dtype=torch.float64).view(4, 1) if not labels.any() else constant
    assert usefulness(torch.cat([constant, varying], 1), labels, 2).rho.tolist() == [0, 0]


def test_gamma_is_at_most_rho_and_less_of_it_is_left_in_a_larger_ball(
    digits: ImageData, digits_mlp: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(epsilon: float) -> tuple[list[float], list[float]]:
        evaluation = Evaluation(ProjectedGradient(steps=1), test_limit=80)
        of = subject(digits_mlp, digits.test, digits.maximum, Linf(epsilon), evaluation, 10)
        return of_each(of, monkeypatch, features=6)

    (rho, little), (same, more) = found(0.02), found(0.1)
    assert rho == same == sorted(rho, reverse=True)
    assert len(rho) == 6
    assert all(b < a < r for r, a, b in zip(rho, little, more, strict=True))


def test_nothing_depends_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    test, weight = made_images(60), torch.randn(3, PIXELS, generator=torch.Generator().manual_seed(1))
    whole, parts = (of_each(measured(weight, test, L2(0.1), batch=batch), monkeypatch) for batch in (500, 7))
    assert whole[1] == pytest.approx(parts[1], abs=1e-5)


def test_shares_and_curves_count_the_features() -> None:
    found = finding([0.9, 0.5, 0.25, 0.1, 0.0], [0.9, 0.5, 0.1], [0.3, -0.2, -0.4], 0.2)
    counts = {name: (named.share.count, named.share.of) for name, named in found.shares.items()}
    assert counts == {"features_useful": (3, 5), "features_robust": (1, 2), "features_not_robust": (1, 2)}
    useful, robust = ({point.at: point.share.count for point in curve.points} for curve in found.curves)
    assert (useful[0.0], useful[0.1], useful[0.5], useful[0.6], useful[1.0]) == (3, 3, 2, 1, 0)
    assert (robust[0.0], robust[0.3], robust[0.4]) == (1, 1, 0)
    assert {point.share.of for curve in found.curves for point in curve.points} == {3}


def test_the_model_and_the_limits_are_kept(digits: ImageData, digits_mlp: nn.Module) -> None:
    state = {name: value.clone() for name, value in digits_mlp.state_dict().items()}
    told: list[tuple[int, int]] = []
    evaluation = Evaluation(ProjectedGradient(steps=1), test_limit=50)
    of = subject(digits_mlp, digits.test, digits.maximum, Linf(0.1), evaluation, 10)
    object.__setattr__(of, "progress", lambda done, total: told.append((done, total)))
    Features(features=2, examples=30).measure(of)
    assert told == [(1, 2), (2, 2)]
    assert all(torch.equal(value, state[name]) for name, value in digits_mlp.state_dict().items())
    assert all(parameter.requires_grad for parameter in digits_mlp.parameters())


def test_a_linear_classifier_is_refused_before_anything_starts() -> None:
    cell("measurement=[features]").experiment.check()
    with pytest.raises(InputError, match=r"^measurement\.features: arch: takes one with a penultimate layer"):
        cell("measurement=[features]", "arch.hidden=[]").experiment.check()


@pytest.mark.parametrize("wrong", [{"features": 0}, {"examples": 1}, {"useful_from": 0.0}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"^{next(iter(wrong))}: takes "):
        Features(**wrong)
