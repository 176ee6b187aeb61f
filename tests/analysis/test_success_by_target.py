"""Figures 3 and 5: the bar "y" beside the targets, and the published "y" by Theorem 4.4."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_findings import add_targets
from fake_runs import MakeRun

from analysis.curves.figures.success_by_target import figure, published_panels
from analysis.reading.collect import collect

DATASETS = ["CIFAR-10", "SVHN", "CIFAR-100", "Tiny-ImageNet"]


@pytest.mark.parametrize(
    ("training_data", "accuracies"),
    [  # D and F of PGD-AT and of TRADES in Tables 8 and 9
        (
            "quality",
            [
                (84.08, 96.92, 81.05, 95.17),
                (93.37, 99.45, 90.69, 98.90),
                (59.19, 84.87, 57.27, 82.88),
                (47.23, 71.95, 47.86, 75.04),
            ],
        ),
        (
            "poisoning",
            [
                (82.65, 96.20, 80.01, 94.64),
                (90.50, 99.28, 87.34, 98.38),
                (57.32, 83.20, 56.29, 81.79),
                (45.14, 68.96, 46.38, 73.50),
            ],
        ),
    ],
)
def test_the_published_bars_follow_from_the_tables(
    training_data: str, accuracies: list[tuple[float, float, float, float]]
) -> None:
    found = published_panels(training_data)
    assert list(found) == [f"published ({name})" for name in DATASETS]
    for rows, (D_at, F_at, D_trades, F_trades) in zip(found.values(), accuracies, strict=True):
        assert list(rows["defense"]) == ["pgd_at", "trades"]
        hidden = [100 * (F_at - D_at) / (100 - D_at), 100 * (F_trades - D_trades) / (100 - D_trades)]
        assert list(rows["reached"]) == pytest.approx(hidden, abs=1e-5)


def test_ours_stand_above_the_published_in_the_same_colours(outputs: Path, make_run: MakeRun) -> None:
    for epsilon in (0.1, 0.2):
        for defense, lambda_ in (("pgd_at", None), ("trades", 6)):
            run = make_run(outputs, defense, lambda_, epsilon=epsilon, R_hyp_minus=0.9)
            add_targets(run, cat=(2, 3, 10), dog=(1, 1, 10))
    drawn = figure(collect(outputs), "quality")
    titles = [axes.get_title() for axes in drawn.axes]
    assert [title for title in titles if "ε" in title] == titles[:2]
    assert titles[2:] == [f"published ({name})" for name in DATASETS]
    for axes in drawn.axes[:2]:
        tops = sorted(round(bar.get_y() + bar.get_height(), 6) for bar in axes.patches if bar.get_alpha() is None)
        assert tops == [20, 20, 50, 50, 90, 90]
    colors = [[bar.get_facecolor() for bar in axes.patches if bar.get_alpha() is None] for axes in drawn.axes]
    assert all(set(shown) == set(colors[0]) for shown in colors)
    for axes in drawn.axes[2:]:
        assert [label.get_text() for label in axes.get_xticklabels()] == ["y"]
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["pgd_at", "trades, λ = 6"]
    assert "the paper prints no numbers of the targets" in legend.get_title().get_text().replace("\n", " ")
