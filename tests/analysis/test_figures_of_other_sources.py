"""Figures of Tao et al. (2020), Ilyas et al. (2019) and the lecture: what is drawn is what the runs have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_figures import ADD, NETWORKS, WIDTHS, add_black_boxes, add_capacities, add_epsilons, add_robust_data
from fake_findings import add_finding, ask_for
from fake_runs import make_run
from matplotlib.axes import Axes
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure

from analysis.__main__ import main
from analysis.curves.figures.catalogue import ELSEWHERE
from analysis.curves.figures.paper_figures import paper_figure
from analysis.parts import PARTS
from analysis.reading.collect import collect
from hypo.settings.errors import InputError


def drawn(outputs: Path, name: str) -> Figure:
    figure, _ = paper_figure(collect(outputs), name)
    return figure


def bars(axes: Axes) -> list[list[float]]:
    """The heights of each kind of bar."""
    found = [container for container in axes.containers if isinstance(container, BarContainer)]
    return [[bar.get_height() for bar in container.patches] for container in found]


def lines(axes: Axes) -> list[np.ndarray]:
    """The points of each line with error bars; (points, 2)."""
    return [
        np.asarray(container.lines[0].get_xydata())
        for container in axes.containers
        if isinstance(container, ErrorbarContainer) and container.lines[0] is not None
    ]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for each in figure.legends for text in each.get_texts()]


@pytest.mark.parametrize("name", ["tao2020/figure3", "tao2020/figure6"])
def test_a_tradeoff_whose_published_numbers_are_lost_has_our_panel_and_says_so(outputs: Path, name: str) -> None:
    ADD[name](outputs)
    make_run(outputs, "thrm", 80, config={"evaluation": {"name": "pgd20"}})  # another paper's attack
    figure = drawn(outputs, name)
    (axes,) = figure.axes
    thrm, trades = (line.get_xydata() for line in axes.lines[-2:])
    np.testing.assert_allclose(thrm, [[1, 90], [1.5, 80], [5, 10]])
    np.testing.assert_allclose(trades, [[1, 90], [1.7, 80], [6.6, 10]])
    assert "published: numbers that are not in the text" in figure.legends[0].get_title().get_text()


def test_of_four_trainings_each_has_its_accuracies_at_every_epsilon(outputs: Path) -> None:
    add_robust_data(outputs)
    l2 = {"threat_model": {"name": "l2"}}
    make_run(outputs, "standard", None, seed=2, epsilon=0.5, config=l2)  # not measured over ε
    ask_for(make_run(outputs, "pgd_at", None, seed=2, epsilon=0.5, config=l2, D=0.89), "epsilon_curve")
    figure = drawn(outputs, "ilyas2019/figure2")
    (axes,) = figure.axes
    np.testing.assert_allclose(bars(axes), [[96, 84, 89, 86], [10, 4, 78, 48], [0, 1, 66, 20]])
    assert legend(figure) == ["standard accuracy", *(f"accuracy under attack, ℓ2 ε = {at}" for at in (0.25, 0.5))]
    names = [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()]
    assert names == [f"{kind} training on {data}" for kind, data in (
        ("standard", "D"), ("standard", "D_NR"), ("adversarial", "D"), ("standard", "D_R")
    )]  # fmt: skip


def test_a_training_that_is_missing_has_no_bar_and_says_so(outputs: Path) -> None:
    add_robust_data(outputs)
    frame = collect(outputs)
    figure, _ = paper_figure(frame[frame["training_data"] != "robust"], "ilyas2019/figure2")
    (axes,) = figure.axes
    assert [len(each) for each in bars(axes)] == [3, 3, 3]
    assert [text.get_text() for text in axes.texts][-1] == "no result"


def test_a_network_stands_where_its_two_runs_put_it(outputs: Path) -> None:
    ADD["ilyas2019/figure3"](outputs)
    figure = drawn(outputs, "ilyas2019/figure3")
    (axes,) = figure.axes
    found = sorted(tuple(points[0]) for points in lines(axes))
    np.testing.assert_allclose(found, [(100 * at + 1, 100 * at + 40) for at in NETWORKS.values()])
    by_place = {annotation.get_text(): annotation.xy for annotation in axes.texts}
    assert by_place.keys() == NETWORKS.keys()
    np.testing.assert_allclose(
        [by_place[name][0] for name in NETWORKS], [100 * at + 1 for at in NETWORKS.values()]
    )
    assert "lacking lacks one of its two runs" in figure.legends[0].get_title().get_text()


def test_each_training_has_its_panel_over_capacity(outputs: Path) -> None:
    add_capacities(outputs)
    figure = drawn(outputs, "lecture/figure10")
    assert [axes.get_title().partition("\n")[0] for axes in figure.axes] == ["standard", "fgsm_at", "pgd_at"]
    for place, axes in enumerate(figure.axes):
        clean, fgsm, pgd = lines(axes)
        np.testing.assert_allclose(clean, [(width, 90 + 0.5 * width) for width in WIDTHS])
        np.testing.assert_allclose(fgsm, [(width, 20 * place + 2 * width) for width in WIDTHS])
        np.testing.assert_allclose(pgd, [(width, 15 * place) for width in WIDTHS])
    assert legend(figure) == ["clean", "under FGSM", "under PGD"]


def test_errors_are_those_of_clean_images_and_of_examples_of_its_own_and_of_others(outputs: Path) -> None:
    add_black_boxes(outputs)
    figure = drawn(outputs, "lecture/figure12")
    (axes,) = figure.axes
    np.testing.assert_allclose(bars(axes), [[3.5, 2.5], [6.5, 12.5], [21.5, 5.5]])
    assert [text.partition(" ")[0] for text in legend(figure)] == ["clean", "FGSM", "FGSM"]


def test_a_black_box_that_is_no_single_step_is_said_to_be_none(outputs: Path) -> None:
    add_black_boxes(outputs)
    title = drawn(outputs, "lecture/figure12").legends[0].get_title().get_text()
    assert "black box" not in title
    assert "settings" not in title
    config = {"evaluation": {"name": "fgsm"}}
    shares = {"A_transfer": ("not broken", None, 900, 1000)}
    attack = {"attack": {"steps": 50, "relative_step": 0.1}}
    add_finding(make_run(outputs, "fgsm_at", None, seed=2, config=config), "transfer", "", attack, shares)
    title = drawn(outputs, "lecture/figure12").legends[0].get_title().get_text()
    assert "black box: no FGSM, but 50 steps of 0.1 ε" in title
    assert "transfer was measured with different settings" in title


def test_epsilon_of_training_is_marked_in_the_norm_of_training_alone(outputs: Path) -> None:
    add_epsilons(outputs)
    figure = drawn(outputs, "lecture/figure13")
    linf, l2 = figure.axes[:2], figure.axes[2:]
    for axes, epsilon in zip(linf, (0.3, 0.03), strict=True):
        (over,) = lines(axes)
        np.testing.assert_allclose(over, [(0, 98), (epsilon / 2, 95), (epsilon, 91), (2 * epsilon, 10)])
        (trained,) = [line for line in axes.lines if line.get_linestyle() == "--"]
        np.testing.assert_allclose(np.unique(trained.get_xdata()), [epsilon])
        assert axes.get_xlabel() == "ℓ∞ ε of the attack"
    for axes in l2:
        np.testing.assert_allclose(lines(axes), [[(0, 98), (1, 70), (2, 31)]])
        assert [line for line in axes.lines if line.get_linestyle() == "--"] == []
        assert axes.get_xlabel() == "ℓ2 ε of the attack"


@pytest.mark.parametrize("name", sorted(ADD.keys() - {"tao2020/figure3", "tao2020/figure6"}))
def test_runs_that_differ_in_more_than_their_seed_are_refused_in_a_line(
    outputs: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ADD[name](outputs)
    (first, *_) = sorted((outputs / "runs").glob("*/config.yaml"))
    text = first.read_text()
    first.with_name("config.yaml").write_text(text.replace("epochs: 40", "epochs: 41"))
    assert main(["figure", name, str(outputs), "-o", str(outputs / "figures")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "would average runs that differ, recipe.epochs = " in line


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_another_part_draws_is_said_to_be_drawn_by_it(outputs: Path, name: str) -> None:
    assert ELSEWHERE[name].split()[0] in PARTS
    make_run(outputs)
    with pytest.raises(
        InputError, match=rf"^figure: {name} is drawn by .*: python -m analysis {ELSEWHERE[name]}$"
    ):
        paper_figure(collect(outputs), name)


def test_the_command_draws_them(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ADD["lecture/figure12"](outputs)
    assert main(["figure", "lecture/figure12", str(outputs)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(outputs / "lecture-figure12.png")


def test_of_another_paper_s_runs_none_is_taken(outputs: Path) -> None:
    for data, evaluation in (("poisoning", "pgd50_restarts20"), ("quality", "pgd20")):
        config: dict[str, Any] = {"training_data": {"name": data}, "evaluation": {"name": evaluation}}
        make_run(outputs, "thrm", 5, config=config)
    with pytest.raises(InputError, match="none here is done"):
        paper_figure(collect(outputs), "tao2020/figure3")
