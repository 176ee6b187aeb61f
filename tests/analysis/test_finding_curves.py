"""A share of a finding on either axis, and its curves over a variable of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_findings import UNDER_SAND
from fake_runs import MakeRun

from analysis.__main__ import main
from analysis.curves import finding_curves
from analysis.reading import findings
from analysis.reading.collect import collect


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["-y", "nope"], "-y: takes one of D, A, F, R_nat"),
        (["-y", "lambda"], "G_hyp, W_boundary, W_never, got 'lambda'"),
        (["-x", "nope"], "-x: takes one of lambda, epsilon, D"),
        (["--of", "sand"], "--of: takes one of wrinkles.sand, wrinkles.cloth, got 'sand'"),
        (["--of", "wrinkles.sand", "-y", "D"], "--of: draws against the curve's own variable, leave out -x, -y"),
    ],
)
def test_a_name_that_is_not_there_is_one_line(
    measured: Path, typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["curves", str(measured), *typed]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_where_nothing_has_a_curve_that_is_said(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs)
    assert main(["curves", str(outputs), "--of", "wrinkles.sand"]) == 2
    assert "no finished run here measured anything over a variable" in capsys.readouterr().err


def test_over_a_number_a_cell_is_a_line_with_the_std_or_the_interval(measured: Path) -> None:
    frame = collect(measured)
    curve = findings.curves(frame["findings"])["wrinkles.sand"]
    (panel,) = finding_curves.panels(frame, curve)
    assert [at.at for at in panel.cells["thrm, λ = 1"]] == [0.1, 0.2, 0.4, 0.8]
    one = panel.cells["thrm, λ = 5"][0]
    assert (one.mean, one.low, one.high, one.n) == pytest.approx((10, 5, 15, 1))
    assert panel.notes == ("thrm, λ = 5: 1 of 2 seeds",)
    (axes,) = finding_curves.figure([panel], curve).axes
    assert axes.get_xlabel() == "radius (pixels)"
    assert axes.get_ylabel().replace("\n", " ") == f"{UNDER_SAND} (%)"
    assert [len(line.get_xdata()) for line in axes.lines] == [4, 4]


def test_over_words_a_cell_is_bars(measured: Path) -> None:
    frame = collect(measured)
    curve = findings.curves(frame["findings"])["wrinkles.cloth"]
    (panel,) = finding_curves.panels(frame, curve)
    linen = panel.cells["thrm, λ = 1"][0]
    assert (linen.mean, linen.n) == (pytest.approx(37.5), 2)
    assert linen.high - linen.mean == pytest.approx(25 / 2**0.5)
    drawn = finding_curves.figure([panel], curve)
    (axes,) = drawn.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["linen", "velvet"]  # silk is undefined
    assert sorted(bar.get_height() for bar in axes.patches) == pytest.approx([37.5, 50, 50, 75])
    (legend,) = drawn.legends
    assert "bars: ± std over seeds, at one seed its 95 % interval" in legend.get_title().get_text().replace(
        "\n", " "
    )


def test_the_command_saves_a_curve(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curves", str(measured), "--of", "wrinkles.cloth"]) == 0
    expected = [str(measured / f"wrinkles-cloth{suffix}") for suffix in (".png", ".pdf", ".svg")]
    assert capsys.readouterr().out.splitlines() == expected
