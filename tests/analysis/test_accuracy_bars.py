"""Figure 2, right: bars of D, A and F by training data, ours and those that the paper prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_runs import MakeRun
from matplotlib.axes import Axes
from matplotlib.container import BarContainer

from analysis.curves.figures.accuracy_bars import TRAINING_DATA, figure, panels, published_panel
from analysis.reading.collect import collect


def add(outputs: Path, make_run: MakeRun, data: str, seed: int = 0, **more: Any) -> None:
    config = {"training_data": {"name": data}, **more.pop("config", {})}
    make_run(outputs, "none" if data == "naive" else "standard", None, seed, config=config, **more)


def heights(axes: Axes) -> list[list[float]]:
    """Of D, A and F, in the order of the training data that have them."""
    bars = [container for container in axes.containers if isinstance(container, BarContainer)]
    return [[bar.get_height() for bar in container.patches] for container in bars]


def test_bars_are_means_over_seeds_with_their_deviation(outputs: Path, make_run: MakeRun) -> None:
    add(outputs, make_run, "quality", 0, D=0.90, A=0.10, F=0.98)
    add(outputs, make_run, "quality", 1, D=0.94, A=0.20, F=1.00)
    add(outputs, make_run, "naive", 0, D=0.10, A=0.00, F=0.30)
    drawn = figure(collect(outputs))
    ours = drawn.axes[0]
    np.testing.assert_allclose(heights(ours), [[10, 92], [0, 15], [30, 99]])
    segments = [segment for each in ours.collections for segment in each.get_segments() if segment.size]
    reach = [np.ptp(segment[:, 1]) / 2 for segment in segments if np.isfinite(segment).all()]
    np.testing.assert_allclose(reach, [8**0.5, 50**0.5, 2**0.5])
    texts = [text.get_text() for text in ours.texts]
    assert texts == ["10", "92", "0", "15", "30", "99", *["no result"] * 3]
    assert [label.get_text() for label in ours.get_xticklabels()] == list(TRAINING_DATA)


def test_what_differs_besides_the_training_data_has_a_panel_of_its_own(outputs: Path, make_run: MakeRun) -> None:
    for epsilon, width in ((0.1, 128), (0.2, 128), (0.1, 64)):
        for data in ("naive", "quality"):
            add(outputs, make_run, data, epsilon=epsilon, config={"arch": {"width": width}})
    headings = [panel.heading for panel in panels(collect(outputs))]
    assert sorted(headings) == [
        "digits, mlp, ℓ∞ ε = 0.1, arch.width = 128",
        "digits, mlp, ℓ∞ ε = 0.1, arch.width = 64",
        "digits, mlp, ℓ∞ ε = 0.2",
    ]


def test_the_recipe_that_goes_with_the_data_does_not_part_them_but_two_recipes_do(
    outputs: Path, make_run: MakeRun
) -> None:
    """Noise is trained without weight decay in the paper; a naive model has no recipe and is in every panel."""
    for data, decay in (("naive", 5e-4), ("noise", 0), ("quality", 5e-4)):
        add(outputs, make_run, data, config={"recipe": {"weight_decay": decay, "epochs": 40}})
    (only,) = panels(collect(outputs))
    assert [name for name, bars in only.models.items() if bars] == ["naive", "noise", "quality"]
    for data, decay in (("noise", 0), ("quality", 5e-4)):
        add(outputs, make_run, data, config={"recipe": {"weight_decay": decay, "epochs": 5}})
    both = panels(collect(outputs))
    assert sorted(panel.heading for panel in both) == [
        "digits, mlp, ℓ∞ ε = 0.1, recipe.epochs = 40",
        "digits, mlp, ℓ∞ ε = 0.1, recipe.epochs = 5",
    ]
    for panel in both:
        assert [name for name, bars in panel.models.items() if bars] == ["naive", "noise", "quality"]


def test_two_kinds_of_poisons_stand_beside_each_other(outputs: Path, make_run: MakeRun) -> None:
    for stored in ("rounded", "truncated"):
        add(outputs, make_run, "poisoning", config={"training_data": {"name": "poisoning", "stored": stored}})
    (panel,) = panels(collect(outputs))
    kinds = [f"poisoning, training_data.stored = {stored}" for stored in ("rounded", "truncated")]
    assert sorted(name for name, bars in panel.models.items() if bars) == kinds


@pytest.mark.parametrize(
    ("model", "printed"),
    [
        ("naive", {"D": 8.46, "F": 82.56}),  # Table 14, PGD-20
        ("noise", {}),
        ("mislabeling", {"D": 9.8, "F": 100}),  # Section 1
        ("poisoning", {"D": 11.13, "A": 0, "F": 100}),  # Table 3
        ("quality", {"D": 94.38, "A": 0, "F": 100}),  # Table 3, which has a decimal more than Section 1
    ],
)
def test_the_published_panel_holds_what_the_paper_prints(model: str, printed: dict[str, float]) -> None:
    assert {metric: bar.mean for metric, bar in published_panel().models[model].items()} == printed


def test_gaps_of_the_paper_are_gaps_and_are_said(outputs: Path, make_run: MakeRun) -> None:
    add(outputs, make_run, "quality")
    drawn = figure(collect(outputs))
    published = next(axes for axes in drawn.axes if axes.get_title() == "published (CIFAR-10)")
    assert [len(of_metric) for of_metric in heights(published)] == [4, 2, 4]
    assert "not printed" in [text.get_text() for text in published.texts]
    note = drawn.legends[0].get_title().get_text().replace("\n", " ")
    assert "no A of naive; no D, A, F of noise; no A of mislabeling" in note
