"""Radii by example: known on linear models, in agreement with flags, curves, certificates and another library."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from composing import job as composed
from small_jobs import THRM, Silent, job
from small_models import linear_model, small_experiment
from subjects import subject
from torch import nn

from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.command_line.result_tables import number_lines
from hypo.datasets.images import ImageData, Split
from hypo.jobs.attempt import attempt
from hypo.measurements.epsilon_curve import EpsilonCurve
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Finding
from hypo.measurements.measurement import Subject
from hypo.measurements.radius import Radius
from hypo.measurements.radius_finding import Radii, finding, grid
from hypo.measurements.risks import Share, risks
from hypo.settings.errors import InputError

PGD = Evaluation(ProjectedGradient(steps=10))
NAMES = ("A", "F", "R_adv_plus", "R_hyp_minus")


def points(found: Finding, name: str) -> dict[float, Share]:
    (curve,) = (curve for curve in found.curves if curve.name == name)
    return {float(point.at): point.share for point in curve.points}


def on_a_line(pixels: list[int], labels: list[int], threat_model: ThreatModel) -> Subject:
    """One pixel, prediction 1 where it is above half."""
    model = linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, -0.5]))
    test = Split(torch.tensor(pixels, dtype=torch.uint8).view(-1, 1, 1, 1), torch.tensor(labels))
    return subject(model, test, 255, threat_model, PGD, classes=2)


def of_digits(
    digits: ImageData, model: nn.Module, ball: ThreatModel, count: int = 150, batch: int = 500
) -> Subject:
    test, _ = digits.test.limited(count)
    return subject(model, test, 16, ball, replace(PGD, batch=batch), classes=10)


@pytest.mark.parametrize("norm", ["linf", "l2", None])
def test_on_a_line_everything_is_known(norm: Any) -> None:
    pixels, labels = [10, 100, 130, 250, 110, 170, 20], [0, 0, 1, 1, 1, 0, 1]
    away = np.abs(np.array(pixels) / 255 - 0.5)
    measured = on_a_line(pixels, labels, Linf(0.1))
    found = Radius(norm=norm).measure(measured)
    radius = found.columns["radius"].values
    np.testing.assert_allclose(radius, away, rtol=2e-3, atol=1e-6)
    assert set(found.columns) == {"radius"}
    suffix = "" if norm is None else f"_{norm}"
    for name, of in (("hypocritical", slice(4, 7)), ("adversarial", slice(0, 4))):
        number = found.numbers[f"{name}_radius{suffix}"]
        assert number.value == pytest.approx(np.median(away[of]), rel=2e-3)
        assert number.unit == "units of the image range"
    assert list(points(found, "A")) == pytest.approx([0.01 * step for step in range(21)])
    for epsilon, share in points(found, "R_adv_plus").items():
        assert share == Share(int((away[:4] < epsilon).sum()), 4)
        assert points(found, "R_hyp_minus")[epsilon] == Share(int((away[4:] < epsilon).sum()), 3)
        assert points(found, "A")[epsilon] == Share(4 - share.count, 7)
        assert points(found, "F")[epsilon] == Share(4 + points(found, "R_hyp_minus")[epsilon].count, 7)


def test_what_nothing_was_found_for_is_unknown_and_no_number_takes_its_place() -> None:
    model = linear_model(torch.zeros(2, 4), torch.tensor([1.0, 0.0]))
    test = Split(torch.full((5, 1, 2, 2), 100, dtype=torch.uint8), torch.tensor([0, 0, 0, 1, 1]))
    measured = subject(model, test, 255, Linf(0.1), PGD, classes=2)
    found = Radius().measure(measured)
    assert np.isnan(found.columns["radius"].values).all()
    assert [number.value for number in found.numbers.values()] == [None, None]
    assert {share.count for share in points(found, "R_hyp_minus").values()} == {0}
    assert {share.count for share in points(found, "A").values()} == {3}
    # What the flags know, of whatever attack, is that ε suffices, and nothing more.
    flags = replace(measured.flags, hyp=np.array([True] * 4 + [False]))
    known = Radius().measure(replace(measured, flags=flags))
    np.testing.assert_equal(known.columns["radius"].values, [np.nan] * 3 + [0.1, np.nan])
    assert points(known, "R_hyp_minus")[0.1] == Share(1, 2)
    assert points(known, "R_hyp_minus")[0.09] == Share(0, 2)
    assert known.numbers["hypocritical_radius"].value is None
    both = Radius().measure(replace(measured, flags=replace(flags, hyp=np.ones(5, bool))))
    assert both.numbers["hypocritical_radius"].value == 0.1
    # In another norm they know nothing.
    assert np.isnan(Radius(norm="l2").measure(replace(measured, flags=flags)).columns["radius"].values).all()


@pytest.mark.parametrize("ball", [Linf(0.06), L2(0.35)])
def test_at_the_runs_radius_nothing_that_the_flags_or_pgd_found_is_missing(
    digits: ImageData, digits_mlp: nn.Module, ball: ThreatModel
) -> None:
    measured = of_digits(digits, digits_mlp, ball)
    found, pgd = Radius().measure(measured), EpsilonCurve().measure(measured)
    flags, radius = measured.flags, found.columns["radius"].values
    assert (radius[np.where(flags.correct, flags.adv, flags.hyp)] <= ball.epsilon).all()
    core = risks(flags)
    for name, sign in (("A", -1), ("F", 1), ("R_adv_plus", 1), ("R_hyp_minus", 1)):
        curve = points(found, name)
        counts = [sign * share.count for share in curve.values()]
        assert counts == sorted(counts)
        assert counts[0] < counts[-1]
        assert sign * curve[ball.epsilon].count >= sign * core[name].count
        assert sign * curve[ball.epsilon].count >= sign * points(pgd, name)[ball.epsilon].count
        assert curve[ball.epsilon].of == core[name].of


def test_what_the_search_misses_the_runs_attacks_show_where_it_is(
    digits: ImageData, digits_mlp: nn.Module
) -> None:
    """A search of one step finds little; the radii that come of the flags are found too, and not merely ε."""
    measured = of_digits(digits, digits_mlp, Linf(0.06), count=60)
    radius = Radius(search=FastMinimumNorm(steps=1)).measure(measured).columns["radius"].values
    flagged = np.where(measured.flags.correct, measured.flags.adv, measured.flags.hyp)
    assert (radius[flagged] < 0.06).mean() > 0.9


@pytest.mark.parametrize(("kind", "norm", "attack"), [(Linf, "linf", "LInfFMNAttack"), (L2, "l2", "L2FMNAttack")])
def test_no_larger_than_those_of_another_library(
    digits: ImageData, digits_mlp: nn.Module, kind: type, norm: Any, attack: str
) -> None:
    """Its FMN, 100 steps, on the mistakes towards the true class; in the median ours is at most 2 % more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        foolbox = pytest.importorskip("foolbox")
        measured = of_digits(digits, digits_mlp, kind(0.1), count=300)
        ours = Radius(norm=norm).measure(measured).columns["radius"].values
        images, labels = measured.test.images.float() / 16, measured.test.labels
        correct = torch.from_numpy(measured.flags.correct)
        wrapped = foolbox.PyTorchModel(digits_mlp, bounds=(0, 1), device="cpu")
        for chosen, criterion in (
            (correct, foolbox.criteria.Misclassification),
            (~correct, foolbox.criteria.TargetedMisclassification),
        ):
            found, _, reached = getattr(foolbox.attacks, attack)(steps=100)(
                wrapped, images[chosen], criterion(labels[chosen]), epsilons=None
            )
            theirs = torch.where(reached, kind(0.1).distance(found, images[chosen]), torch.inf)
            assert np.median(ours[chosen.numpy()]) <= 1.02 * float(theirs.median())
            assert (ours[chosen.numpy()] <= 1.02 * theirs.numpy()).mean() > 0.9


def test_some_examples_are_a_fixed_random_subset(digits: ImageData, digits_mlp: nn.Module) -> None:
    measured = of_digits(digits, digits_mlp, Linf(0.06), count=100)
    search = FastMinimumNorm(steps=10)
    few, all_ = (Radius(search, examples).measure(measured) for examples in (30, None))
    one, other = (found.columns["radius"].values for found in (few, all_))
    there = np.isfinite(one)
    assert there.sum() == 30
    assert list(np.flatnonzero(there)) != list(range(30))
    np.testing.assert_allclose(one[there], other[there], rtol=1e-4)
    assert {share.of for share in points(few, "A").values()} == {30}
    assert {share.of for share in points(few, "R_adv_plus").values()} == {int(measured.flags.correct[there].sum())}


def test_the_grid_has_zero_the_largest_and_the_runs_own() -> None:
    assert grid(0.2, {0.1}) == pytest.approx([0.01 * step for step in range(21)])
    assert 0.1 in grid(0.2, {0.1})
    assert grid(16 / 255, {8 / 255})[10] == 8 / 255
    assert grid(0.2, {0.013, 0.5})[:3] == [0.0, 0.01, 0.013]
    assert grid(0.2, {0.013, 0.5})[-2:] == [0.2, 0.5]
    assert len(grid(1 / 3, {1 / 6})) == 21


def test_both_norms_can_be_asked_for_at_once() -> None:
    measured = composed("measurement=[radius,radius_l2]").experiment
    assert measured.measurements["radius"] == Radius()
    other = measured.measurements["radius_l2"]
    assert other == Radius(norm="l2", epsilon=composed("threat_model=l2").experiment.threat_model.epsilon)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("examples=0", "examples: takes a whole number >= 1, got 0"),
        ("up_to=0", "up_to: takes a number > 0 .* got 0"),
        ("epsilon=-1", "epsilon: takes a number > 0 .* got -1"),
        ("norm=l1", "norm: takes one of linf, l2, got 'l1'"),
        ("search.steps=0", "search.steps: takes a whole number >= 1, got 0"),
    ],
)
def test_what_cannot_be_is_refused(setting: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"^measurement.radius.{reason}"):
        composed("measurement=[radius]", f"measurement.radius.{setting}")


def test_a_run_has_its_medians_its_curves_and_a_column(tmp_path: Path) -> None:
    measurements = {
        "radius": Radius(FastMinimumNorm(steps=10)),
        "other": Radius(norm="l2", epsilon=0.5, examples=9),
    }
    run = job(tmp_path, small_experiment(THRM, measurements=measurements))
    assert attempt(run, Silent()).state == "done"
    result = run.directory.result()
    assert result is not None
    table = pandas.read_parquet(run.directory.path / "measurements" / "radius" / "examples.parquet")
    wrong = ~pandas.read_parquet(run.directory.path / "examples.parquet")["correct"]
    assert result["hypocritical_radius"] == pytest.approx(table["radius"][wrong].fillna(np.inf).median())
    assert {"adversarial_radius", "hypocritical_radius_l2", "adversarial_radius_l2"} <= result.keys()
    lines = number_lines(result)
    assert len(lines) == 4
    assert lines[0] == (
        "median hypocritical radius of the mistakes, ℓ∞, an upper bound: "
        f"{result['hypocritical_radius']:.4g} units of the image range"
    )
    assert number_lines({**result, "hypocritical_radius": None})[0].endswith("an upper bound: unknown")
    assert [curve["name"] for curve in result["findings"]["radius"]["curves"]] == list(NAMES)
    assert (
        finding(
            Radii(np.arange(2), np.array([True, True]), np.ones(2, bool), np.array([0.1, np.inf])),
            [0.0, 0.1],
            "ℓ∞",
        )
        .numbers["hypocritical_radius"]
        .value
        is None
    ), "of no mistake"
