"""The published curves behind ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_runs import MakeRun
from matplotlib.colors import to_hex

from analysis.__main__ import main
from analysis.curves.curves import tradeoff_figure
from analysis.paper.published import curves, table
from analysis.reading.collect import collect
from hypo.settings.errors import InputError

PAPER = "tao2022/table10"


def test_they_are_the_tables_figures_in_the_order_of_lambda() -> None:
    lines = curves(PAPER)
    assert list(lines) == [f"{defense}, {PAPER} (cifar10, resnet18)" for defense in ("thrm", "trades")]
    rows = [row for row in table(PAPER) if row.setting["defense"] == "trades"]
    rows.sort(key=lambda row: float(row.setting["lambda"]))
    printed = [[row.figures["pgd-20", metric].mean for metric in ("R_nat", "R_hyp_minus")] for row in rows[1:]]
    # At λ = 0 the table has no R_hyp⁻, which follows from F = 100.
    assert (rows[0].setting["lambda"], rows[0].figures["pgd-20", "F"].mean) == ("0", 100)
    means = [[5.62, 100], *printed]
    assert [list(point) for point in lines[f"trades, {PAPER} (cifar10, resnet18)"]] == means


def test_adversarial_risk_on_all_examples_follows_from_the_accuracies() -> None:
    """Figure 7 of the paper: the tables have A, and R_adv = 1 − A."""
    line = curves(PAPER, "R_nat", "R_adv")[f"thrm, {PAPER} (cifar10, resnet18)"]
    rows = [row for row in table(PAPER) if row.setting["defense"] == "thrm"]
    accuracies = [[row.figures["pgd-20", metric].mean for metric in ("D", "A")] for row in rows]
    np.testing.assert_allclose(line, 100 - np.array(accuracies))


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("tao2022/table5", ("R_nat", "R_hyp_minus")),
        ("tao2022/table99", ("R_nat", "R_hyp_minus")),
        ("tao2022/table8", ("D", "A")),  # six experiments, each at one λ
        ("tao2022/table14", ("D", "F")),  # F by four attacks
    ],
)
def test_a_table_without_a_curve_is_refused(name: str, axes: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="--paper: "):
        curves(name, *axes)


def test_they_lie_pale_behind_every_panel_in_our_colours(outputs: Path, make_run: MakeRun) -> None:
    for epsilon in (0.1, 0.2):
        for defense in ("trades", "mine"):
            make_run(outputs, defense, 1, epsilon=epsilon)
    figure = tradeoff_figure(collect(outputs), paper=PAPER)
    assert len(figure.axes) == 2
    for axes in figure.axes:
        behind = [line for line in axes.lines if line.get_zorder() == 0]
        for line, points in zip(behind, curves(PAPER).values(), strict=True):
            np.testing.assert_array_equal(line.get_xydata(), points)
            assert line.get_alpha() < 0.5
        ours = {to_hex(line.get_color()) for line in axes.lines if line.get_zorder() == 2}
        assert [to_hex(line.get_color()) in ours for line in behind] == [False, True]  # thrm is not among ours
    (legend,) = figure.legends
    names = {text.get_text() for text in legend.get_texts()}
    assert names == {"trades", "mine", *curves(PAPER)}


def test_the_command_draws_them(outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(outputs)
    assert main(["curves", str(outputs), "--paper", f"smoke/{PAPER}"]) == 0  # of a rehearsal what it rehearses
    assert main(["curves", str(outputs)]) == 0
    without = (outputs / "tradeoff.svg").read_bytes()
    assert main(["curves", str(outputs), "--paper", PAPER]) == 0
    assert (outputs / "tradeoff.svg").read_bytes() != without
    assert main(["curves", str(outputs), "--paper", PAPER, "-y", "R_adv"]) == 0
    assert (outputs / "R_adv-against-R_nat.svg").exists()
    assert main(["curves", str(outputs), "--paper", "tao2022/table5"]) == 2
    assert "tao2022/table5 has no curve" in capsys.readouterr().err
