"""Any metric against any other, against λ and against ε."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_runs import MakeRun

from analysis.__main__ import main
from analysis.curves.curves import tradeoff_figure
from analysis.paper.published import curves
from analysis.reading.collect import collect
from analysis.tables.lines import METRICS, Panel, panels


def values(panel: Panel) -> dict[str, list[tuple[float, float, str]]]:
    return {
        name: [(round(point.x.mean, 6), round(point.y.mean, 6), point.label) for point in points]
        for name, points in panel.lines.items()
    }


@pytest.fixture
def runs(outputs: Path, make_run: MakeRun) -> Path:
    """Two λ at two ε, typed in their other order, and one defense without λ."""
    for epsilon in ("0.2", "1/10"):
        for lambda_ in (5, 1):
            make_run(outputs, "thrm", lambda_, epsilon=epsilon, A=lambda_ / 10, R_sta=0.2)
        config = {"defense": {"lambda_": None}}
        make_run(outputs, "standard", None, epsilon=epsilon, A=0.1, R_sta=0.9, config=config)
    return outputs


def test_two_metrics_follow_lambda_and_carry_it(runs: Path) -> None:
    for panel in panels(collect(runs), "A", "R_sta"):
        assert values(panel) == {"standard": [(10, 90, "")], "thrm": [(10, 20, "1"), (50, 20, "5")]}


def test_over_lambda_a_line_is_a_defense_that_has_one(runs: Path) -> None:
    found = panels(collect(runs), "lambda", "A")
    assert len(found) == 2
    for panel in found:
        assert values(panel) == {"thrm": [(1, 10, ""), (5, 50, "")]}


def test_over_epsilon_experiments_that_differ_in_it_alone_are_one_panel(runs: Path, make_run: MakeRun) -> None:
    make_run(runs, "thrm", 5, epsilon=0.2, config={"dataset": {"name": "mnist"}})
    found = panels(collect(runs), "epsilon", "A")
    digits, mnist = sorted(found, key=lambda panel: panel.heading)
    assert digits.heading == "digits, mlp, ℓ∞, quality training data"
    assert values(digits) == {
        "standard": [(0.1, 10, ""), (0.2, 10, "")],
        "thrm, λ = 1": [(0.1, 10, ""), (0.2, 10, "")],
        "thrm, λ = 5": [(0.1, 50, ""), (0.2, 50, "")],
    }
    assert list(mnist.lines) == ["thrm, λ = 5"]


def test_cells_without_a_value_are_left_out(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, lambda_=1, R_hyp_minus=None)
    make_run(outputs, lambda_=5, state="failed")
    for x in ("R_nat", "lambda", "epsilon"):
        assert [panel.lines for panel in panels(collect(outputs), x, "R_hyp_minus")] == [{}]


@pytest.mark.parametrize(("x", "y", "names"), [("lambda", "A", ("λ", "A")), ("epsilon", "F", ("ε", "F"))])
def test_axes_are_named_and_points_unlabelled(runs: Path, x: str, y: str, names: tuple[str, str]) -> None:
    figure = tradeoff_figure(collect(runs), x, y)
    for axes in figure.axes:
        assert (axes.get_xlabel(), axes.get_ylabel()) == (names[0], f"{METRICS[y]} (%)")
        assert not axes.texts
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "bars: ± std over seeds"


@pytest.mark.parametrize("single", ["digits", "mnist"])
def test_over_epsilon_every_method_is_a_line_with_a_look_of_its_own(
    outputs: Path, make_run: MakeRun, single: str
) -> None:
    """Also where one panel, be it the first, has it at a single ε."""
    for lambda_ in range(6):
        for dataset in ("digits", "mnist"):
            for epsilon in (0.1,) if dataset == single else (0.1, 0.2):
                make_run(outputs, "thrm", lambda_, epsilon=epsilon, config={"dataset": {"name": dataset}})
    figure = tradeoff_figure(collect(outputs), "epsilon", "R_nat")
    assert {axes.get_title().partition(",")[0] for axes in figure.axes} == {"digits", "mnist"}
    for axes in figure.axes:
        looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in axes.lines}
        assert len(looks) == len(axes.lines) == 6
        assert all(line.get_linestyle() != "None" for line in axes.lines)


def test_methods_without_lambda_leave_a_panel_over_lambda_empty_and_say_so(
    outputs: Path, make_run: MakeRun
) -> None:
    make_run(outputs, "standard", None)
    (axes,) = tradeoff_figure(collect(outputs), "lambda", "R_nat").axes
    assert [text.get_text() for text in axes.texts] == ["no finished run has\nλ and\nnatural risk"]
    assert len(axes.get_xticks()) == 0


def test_published_curves_have_the_same_axes() -> None:
    _, points = curves("tao2022/table10", "lambda", "A").values()  # THRM's come first
    assert points[:2] == [(0, 0.0), (1, 48.26)]
    assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_the_command_names_its_files_by_the_axes(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curves", str(runs), "-x", "lambda", "-y", "R_adv_plus"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [str(runs / f"R_adv_plus-against-lambda.{suffix}") for suffix in ("png", "pdf", "svg")]
