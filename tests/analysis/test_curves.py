"""The curve shows the means and deviations of the table, says so in grey, and is the same file each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_runs import MakeRun
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.curves.curves import tradeoff_figure
from analysis.curves.drawing import FILE_TYPES, save
from analysis.reading.collect import collect
from hypo.settings.errors import InputError

# Percent, in the order of λ: what five seeds of the embedded digits gave.
GRID = (0, 1, 5, 10, 20, 40, 60, 80, 100)
CURVES = {
    "thrm": ((4.6, 3.8, 3.9, 4.3, 4.8, 5.2, 5.4, 5.6, 5.7), (96, 94, 87, 84, 81, 79, 78, 76, 75)),
    "trades": ((4.6, 4.2, 5.9, 6.1, 6.3, 6.7, 7.0, 7.2, 7.4), (96, 86, 81, 77, 72, 70, 69, 68, 67)),
}


def _digits(outputs: Path, make_run: MakeRun, seeds: int = 2) -> None:
    for defense, (natural, hidden) in CURVES.items():
        for lambda_, x, y in zip(GRID, natural, hidden, strict=True):
            for seed in range(seeds):
                away = seed - (seeds - 1) / 2
                make_run(outputs, defense, lambda_, seed, R_nat=(x + away) / 100, R_hyp_minus=(y + 4 * away) / 100)


def _legend(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def _drawn(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_lines_follow_lambda_through_the_means(outputs: Path, make_run: MakeRun) -> None:
    _digits(outputs, make_run)
    figure = tradeoff_figure(collect(outputs))
    (axes,) = figure.axes
    assert _legend(figure) == ["thrm", "trades"]
    for line, (natural, hidden) in zip(axes.lines, CURVES.values(), strict=True):
        np.testing.assert_allclose(line.get_xdata(), natural)
        np.testing.assert_allclose(line.get_ydata(), hidden)
    first, second = axes.lines
    assert first.get_marker() != second.get_marker()
    assert first.get_linestyle() != second.get_linestyle()
    assert sorted(_drawn(axes)) == sorted(2 * [str(lambda_) for lambda_ in GRID])


@pytest.mark.parametrize(("x", "y", "hollow"), [("R_nat", "R_hyp_minus", 4), ("D", "R_hyp_minus", 0)])
def test_points_that_another_beats_are_hollow(
    outputs: Path, make_run: MakeRun, x: str, y: str, hollow: int
) -> None:
    """λ = 0 of both and λ = 5 and 10 of TRADES, which THRM beats; both axes must be risks."""
    _digits(outputs, make_run, seeds=1)
    figure = tradeoff_figure(collect(outputs), x, y)
    points = [each for each in figure.axes[0].collections if isinstance(each, PathCollection)]
    marked = [tuple(np.round(point.get_offsets()[0], 6)) for point in points]
    risks = [point for natural, hidden in CURVES.values() for point in zip(natural, hidden, strict=True)]
    beaten = {(a, b) for a, b in risks if any(c <= a and d <= b and (c, d) != (a, b) for c, d in risks)}
    assert set(marked) == (beaten if hollow else set())
    assert len(marked) == hollow
    assert ("hollow" in figure.legends[0].get_title().get_text()) == bool(hollow)


def test_error_bars_are_one_sample_deviation_both_ways(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, seed=0, R_nat=0.04, R_hyp_minus=0.80)
    make_run(outputs, seed=1, R_nat=0.06, R_hyp_minus=0.90)
    (axes,) = tradeoff_figure(collect(outputs)).axes
    ends = sorted(
        tuple(np.round(end, 6)) for bars in axes.collections for bar in bars.get_segments() for end in bar
    )
    across, up = 2**0.5, 50**0.5
    expected = [(5 - across, 85), (5, 85 - up), (5, 85 + up), (5 + across, 85)]
    np.testing.assert_allclose(ends, expected, atol=1e-5)


def test_no_two_labels_overlap_and_none_leaves_the_panel(outputs: Path, make_run: MakeRun) -> None:
    _digits(outputs, make_run)
    figure = tradeoff_figure(collect(outputs))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    # An annotation's own extent holds its hair line too.
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    for index, box in enumerate(boxes):
        assert axes.bbox.contains(box.x0, box.y0)
        assert axes.bbox.contains(box.x1, box.y1)
        for other in boxes[:index]:
            overlap = box.intersection(box, other)
            assert overlap is None or min(overlap.width, overlap.height) < 1


def test_defenses_without_lambda_are_single_points(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, "thrm", 0)
    make_run(outputs, "standard", None, R_nat=0.05)
    make_run(outputs, "pgd_at", None)
    figure = tradeoff_figure(collect(outputs))
    (axes,) = figure.axes
    assert _legend(figure) == ["standard", "pgd_at", "thrm"]
    assert [line.get_linestyle() for line in axes.lines] == ["None", "None", "-"]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [5])
    assert _drawn(axes) == ["0"]


def test_a_panel_an_experiment_with_one_look_a_defense(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, "thrm", 5, config={"recipe": {"epochs": 5}})
    make_run(outputs, "trades", 5)
    make_run(outputs, "thrm", 5)
    make_run(outputs, "thrm", 5, config={"dataset": {"name": "mnist"}}, state="queued")
    figure = tradeoff_figure(collect(outputs))
    panels = {axes.get_title().replace("\n", " "): axes for axes in figure.axes if axes.axison}
    prefix = "digits, mlp, ℓ∞ ε = 0.1, quality training data, recipe.epochs ="
    assert set(panels) == {f"{prefix} 40", f"{prefix} 5", "mnist, mlp, ℓ∞ ε = 0.1, quality training data"}
    assert len(panels[f"{prefix} 40"].lines) == 2
    colors = {line.get_color() for line in panels[f"{prefix} 40"].lines}
    assert panels[f"{prefix} 5"].lines[0].get_color() in colors
    assert _drawn(panels["mnist, mlp, ℓ∞ ε = 0.1, quality training data"]) == [
        "no finished run has\nnatural risk and\nhypocritical risk on D⁻"
    ]


def test_runs_without_settings_leave_an_empty_figure(outputs: Path, make_run: MakeRun, tmp_path: Path) -> None:
    (make_run(outputs) / "config.yaml").unlink()
    figure = tradeoff_figure(collect(outputs))
    assert figure.legends == []
    save(figure, tmp_path / "empty.png")


def test_text_from_a_config_is_no_formula(outputs: Path, make_run: MakeRun, tmp_path: Path) -> None:
    make_run(outputs, r"_$\frac{$", "$1$")
    figure = tradeoff_figure(collect(outputs))
    assert _legend(figure) == [r" _\$\frac{\$"]
    save(figure, tmp_path / "formula.svg")


@pytest.mark.parametrize("suffix", FILE_TYPES)
def test_equal_runs_give_equal_bytes(
    outputs: Path, make_run: MakeRun, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _digits(outputs, make_run, seeds=1)
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    save(tradeoff_figure(collect(outputs)), first)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    save(tradeoff_figure(collect(outputs)), second)
    assert first.read_bytes() == second.read_bytes()
    if suffix == ".pdf":
        assert b"/FontFile2" in first.read_bytes()
        assert b"/Type3" not in first.read_bytes()


def test_a_failed_save_leaves_the_old_file(
    outputs: Path, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(outputs)
    path = tmp_path / "curve.png"
    path.write_bytes(b"old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match=r"curve\.png cannot be written: No space left on device"):
        save(tradeoff_figure(collect(outputs)), path)
    assert path.read_bytes() == b"old"
    assert sorted(child.name for child in tmp_path.iterdir()) == ["curve.png", "outputs"]


def test_other_file_types_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.png, \.pdf, \.svg, got \.jpg"):
        save(Figure(), tmp_path / "curve.jpg")


def test_pyplot_is_never_imported(outputs: Path, make_run: MakeRun, tmp_path: Path) -> None:
    make_run(outputs)
    program = (
        "import sys; from analysis.reading.collect import collect; from analysis.curves import curves, drawing\n"
        "assert 'matplotlib' not in sys.modules and 'pandas' not in sys.modules\n"
        f"drawing.save(curves.tradeoff_figure(collect({str(outputs)!r})), {str(tmp_path / 'a.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
