"""Figures 4, 6 and 7: our curves, and the published ones in panels of their own."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from fake_runs import MakeRun

import analysis
from analysis.curves.figures.tradeoff_panels import figure, published_panel
from analysis.reading.collect import collect

FILE = Path(analysis.__file__).parent / "paper" / "reference" / "tao2022.csv"
ROWS = list(csv.DictReader(FILE.read_text("utf-8").splitlines()))


def printed(number: int, defense: str, metric: str) -> dict[float, float]:
    """What the file has of a metric by λ."""
    return {
        float(row["lambda"]): float(row["mean"])
        for row in ROWS
        if (row["table"], row["defense"], row["metric"]) == (str(number), defense, metric)
    }


@pytest.mark.parametrize("number", [10, 11, 12, 13])
@pytest.mark.parametrize("defense", ["thrm", "trades"])
def test_published_panels_hold_the_files_values(number: int, defense: str) -> None:
    hidden, robust, clean = (printed(number, defense, metric) for metric in ("R_hyp_minus", "A", "D"))
    over_all = published_panel(f"tao2022/table{number}", "R_adv").lines[defense]
    np.testing.assert_allclose([float(point.label) for point in over_all], sorted(robust))
    np.testing.assert_allclose([point.x.mean for point in over_all], [100 - clean[at] for at in sorted(clean)])
    np.testing.assert_allclose([point.y.mean for point in over_all], [100 - robust[at] for at in sorted(robust)])
    by_lambda = {
        float(point.label): point.y.mean
        for point in published_panel(f"tao2022/table{number}", "R_hyp_minus").lines[defense]
    }
    assert len(by_lambda) == 9
    assert hidden.items() <= by_lambda.items()  # what is not printed follows by Theorem 4.4
    assert {by_lambda[at] for at in by_lambda.keys() - hidden.keys()} <= {100}


def test_ours_stand_above_and_every_table_has_a_panel(outputs: Path, make_run: MakeRun) -> None:
    for epsilon in (0.1, 0.2):
        for defense in ("thrm", "trades"):
            for lambda_ in (0, 5):
                make_run(outputs, defense, lambda_, epsilon=epsilon, R_nat=0.1, R_adv=(50 - lambda_) / 100)
    tables = [f"tao2022/table{number}" for number in (10, 11, 12)]
    drawn = figure(collect(outputs), "R_adv", tables)
    shown = [axes for axes in drawn.axes if axes.axison]
    titles = [axes.get_title() for axes in shown]
    assert sorted(titles[:2]) == [f"digits, mlp, ℓ∞ ε = {at}, quality training data" for at in (0.1, 0.2)]
    assert titles[2:] == [f"published ({name})" for name in ("CIFAR-10", "CIFAR-100", "Tiny-ImageNet")]
    for axes in shown[:2]:
        for line in axes.lines:
            np.testing.assert_allclose(line.get_xydata(), [[10, 50], [10, 45]])
        assert axes.get_ylabel() == "adversarial risk (%)"
    for axes in shown[2:]:
        assert [line.get_color() for line in axes.lines] == [line.get_color() for line in shown[0].lines]
    assert "published: Tables 10, 11, 12, without std" in drawn.legends[0].get_title().get_text()
