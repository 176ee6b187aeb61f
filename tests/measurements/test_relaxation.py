"""Certified risks by bounds: known on a line, never above what is certified, refused where there are none."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from composing import cell
from small_models import linear_model
from subjects import subject
from torch import nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData, Split
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.measurement import Subject
from hypo.measurements.relaxation import Relaxation
from hypo.measurements.risks import Share, risks
from hypo.settings.errors import CertificateError, InputError

ATTACK = ProjectedGradient(steps=10)
NAMES = ("A", "F", "R_adv_plus", "R_hyp_minus", "R_sta_minus")


@pytest.fixture(scope="module")
def measured(digits: ImageData, digits_mlp: nn.Module) -> Subject:
    """A trained MLP within a radius at which something is certified, something found, and something open."""
    return subject(digits_mlp, digits.test, digits.maximum, Linf(0.03), Evaluation(ATTACK, test_limit=300), 10)


@pytest.mark.parametrize("ball", [Linf(0.1), L2(0.1)])
def test_on_a_line_all_is_found_or_certified(ball: Linf | L2) -> None:
    """One pixel, prediction 1 where it is above half; four images are right, and three wrong."""
    model = linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, -0.5]))
    pixels, labels = [10, 100, 130, 250, 110, 170, 20], [0, 0, 1, 1, 1, 0, 1]
    test = Split(torch.tensor(pixels, dtype=torch.uint8).view(7, 1, 1, 1), torch.tensor(labels))
    away = [abs(Fraction(pixel, 255) - Fraction(1, 2)) for pixel in pixels]
    of = subject(model, test, 255, ball, Evaluation(ATTACK), classes=2)
    found = Relaxation("interval", (0.03, 0.2, 0.45)).measure(of)
    curves = {curve.name: {point.at: point.share for point in curve.points} for curve in found.curves}
    for epsilon in (0.0, 0.03, 0.1, 0.2, 0.45):
        broken = sum(distance < epsilon for distance in away[:4])
        hidden = sum(distance < epsilon for distance in away[4:])
        assert curves["A_certified"][epsilon] == Share(4 - broken, 7)
        assert curves["F_certified"][epsilon] == Share(4 + hidden, 7)
        assert curves["R_adv_plus_certified"][epsilon] == Share(broken, 4)
        assert curves["R_hyp_minus_certified"][epsilon] == Share(hidden, 3)
        assert curves["R_sta_minus_certified"][epsilon] == Share(hidden, 3)
    core = risks(of.flags)
    assert {name: found.shares[f"{name}_certified"].share for name in NAMES} == {
        name: core[name] for name in NAMES
    }
    assert found.columns["certified_epsilon"].values.tolist() == [0.45, 0.1, 0.0, 0.45, 0.03, 0.1, 0.2]


@pytest.mark.parametrize("method", ["interval", "linear"])
def test_found_and_certified_enclose_the_risks_of_a_trained_network(measured: Subject, method: Any) -> None:
    found = Relaxation(method).measure(measured)
    core = risks(measured.flags)
    for name in NAMES:
        bound = found.shares[f"{name}_certified"]
        assert (bound.bounds, bound.share.of) == (name, core[name].of)
        low, high = (core[name], bound.share) if name != "A" else (bound.share, core[name])
        assert low.count <= high.count
    for curve in found.curves:
        counts = [point.share.count for point in curve.points]
        assert counts == sorted(counts, reverse=curve.name == "A_certified")
        assert [point.at for point in curve.points] == [
            0,
            *(0.03 * share for share in (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)),
        ]
    certified = found.columns["certified"].values
    assert certified.sum() == found.shares["A_certified"].share.count + (
        core["R_nat"].count - found.shares["R_hyp_minus_certified"].share.count
    )
    assert bool((found.columns["certified_still"].values <= certified).all())
    if method == "linear":
        assert core["R_adv_plus"].count < found.shares["R_adv_plus_certified"].share.count < core["R_adv_plus"].of
        loose = Relaxation("interval").measure(measured)
        for tight, other in zip(found.curves, loose.curves, strict=True):
            for mine, its in zip(tight.points, other.points, strict=True):
                assert (mine.share.count - its.share.count) * (1 if tight.name == "A_certified" else -1) >= 0


@pytest.mark.parametrize(
    ("flag", "wanted", "what"), [("adv", True, "attacked"), ("hyp", False, "hidden"), ("sta", False, "moved")]
)
def test_an_attack_that_contradicts_a_bound_fails_the_run_and_is_named(
    measured: Subject, flag: str, wanted: bool, what: str
) -> None:
    correct = measured.flags.correct
    quiet = replace(measured.flags, adv=~correct, hyp=correct.copy(), sta=np.zeros_like(correct))
    smaller = replace(measured, threat_model=Linf(0.004), flags=quiet)
    columns = Relaxation().measure(smaller).columns
    certified = columns["certified_still" if flag == "sta" else "certified"].values
    at = int(np.flatnonzero(certified & (correct == wanted))[0])
    getattr(quiet, flag)[at] = True
    message = f"^1 examples certified as never to be {what} were, first {measured.flags.example[at]}$"
    with pytest.raises(CertificateError, match=message):
        Relaxation().measure(smaller)


def test_progress_is_told_and_the_model_left_as_found(measured: Subject) -> None:
    told: list[tuple[int, int]] = []
    state = {name: value.clone() for name, value in measured.model.state_dict().items()}
    Relaxation("interval", (0.01,)).measure(
        replace(measured, progress=lambda done, total: told.append((done, total)))
    )
    assert told == sorted(told)
    assert (told[0], told[-1]) == ((0, 300), (300, 300))
    assert all(torch.equal(value, state[name]) for name, value in measured.model.state_dict().items())
    assert all(parameter.requires_grad for parameter in measured.model.parameters())


def test_where_nothing_is_certified_nothing_larger_is_tried(measured: Subject) -> None:
    found = Relaxation("interval", (0.5, 0.9)).measure(replace(measured, threat_model=Linf(0.4)))
    assert found.shares["A_certified"].share == Share(0, 300)
    assert found.shares["R_hyp_minus_certified"].share.value == 1
    assert not found.columns["certified_epsilon"].values.any()


def test_networks_without_bounds_are_refused_before_anything_starts() -> None:
    cell("measurement=[relaxation]").experiment.check()
    for arch, layer in (("resnet18", "BasicBlock"), ("linf_dist_net", "LinfDistLayer")):
        with pytest.raises(InputError, match=rf"^measurement\.relaxation: bounds networks that .*; got {layer}$"):
            cell("measurement=[relaxation]", f"arch={arch}").experiment.check()


@pytest.mark.parametrize("wrong", [{"method": "exact"}, {"epsilons": (0.0,)}, {"epsilons": ("a",)}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"^{next(iter(wrong))}: takes "):
        Relaxation(**wrong)
