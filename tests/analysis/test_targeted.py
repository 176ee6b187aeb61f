"""The rates of Figures 3 and 5: out of what they are taken, how seeds are averaged, and the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import pytest
from fake_findings import add_targets
from fake_runs import MakeRun

from analysis.__main__ import main
from analysis.curves.targeted import figure, targeted_rates
from analysis.reading.collect import collect
from hypo.settings.errors import InputError


def row(rates: pandas.DataFrame, **chosen: str) -> dict[str, Any]:
    for key, value in chosen.items():
        rates = rates[rates[key] == value]
    (only,) = rates.to_dict("records")
    return only


def test_rates_are_means_over_seeds_in_percent_of_the_mistakes(outputs: Path, make_run: MakeRun) -> None:
    add_targets(make_run(outputs, seed=0), cat=(10, 5, 20), dog=(0, 20, 20))
    add_targets(make_run(outputs, seed=1), cat=(4, 12, 40), dog=(40, 0, 40))
    rates = targeted_rates(collect(outputs))
    cat = row(rates, **{"class": "cat"})
    assert (cat["defense"], cat["lambda"], cat["n"], cat["mistakes"]) == ("thrm", "5", 2, 30)
    assert cat["already"] == pytest.approx((50 + 10) / 2)
    assert cat["moved"] == pytest.approx((25 + 30) / 2)
    assert cat["moved_of_others"] == pytest.approx((50 + 100 / 3) / 2)
    assert cat["moved_std"] == pytest.approx(5 / 2**0.5)
    assert cat["reached"] == cat["already"] + cat["moved"]
    assert cat["reached_std"] == pytest.approx(35 / 2**0.5)  # of 75 and 40
    # Where every mistake is a dog already, no share of the others can be taken, and the other seed's stands.
    assert row(rates, **{"class": "dog"})["moved_of_others"] == 100
    assert list(rates["class"]) == ["y", "cat", "dog"]


def test_y_comes_first_and_is_the_hypocritical_risk(outputs: Path, make_run: MakeRun) -> None:
    add_targets(make_run(outputs, seed=0, R_hyp_minus=0.9), y=(1, 1, 10), n=(1, 2, 10))
    add_targets(make_run(outputs, seed=1, R_hyp_minus=0.7), y=(1, 3, 10), n=(1, 2, 10))
    rates = targeted_rates(collect(outputs))
    assert list(zip(rates["attack"], rates["class"], strict=True)) == [
        ("hypocritical", "y"),
        ("targeted", "y"),  # a class that happens to be called so
        ("targeted", "n"),
    ]
    hidden = row(rates, attack="hypocritical")
    assert (hidden["already"], hidden["mistakes"], hidden["n"]) == (0, 10, 2)
    assert hidden["moved"] == hidden["reached"] == pytest.approx(80)
    assert hidden["reached_std"] == pytest.approx(20 / 2**0.5)
    (axes,) = figure(rates).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["y", "y", "n"]
    first = min(axes.patches[3:], key=lambda bar: bar.get_x())  # the full parts come after the three pale ones
    assert first.get_height() == pytest.approx(80)


def test_many_classes_have_thin_bars_and_few_numbers(outputs: Path, make_run: MakeRun) -> None:
    add_targets(make_run(outputs), **{f"class {number}": (1, 1, 10) for number in range(200)})
    (axes,) = figure(targeted_rates(collect(outputs))).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["y", *map(str, range(0, 200, 10))]
    widths = [bar.get_width() for bar in axes.patches[201:]]
    assert min(widths[:1]) > 5 * max(widths[1:])


def test_cells_and_experiments_stay_apart(outputs: Path, make_run: MakeRun) -> None:
    for epsilon in (0.1, 0.2):
        for lambda_ in (1, 5):
            add_targets(make_run(outputs, lambda_=lambda_, epsilon=epsilon), cat=(lambda_, 1, 10))
    rates = targeted_rates(collect(outputs))
    assert len(rates) == 2 * 4
    assert sorted(rates.loc[rates["class"] == "cat", "already"]) == [10, 10, 50, 50]
    assert rates["moved_std"].isna().all()


def test_runs_without_targets_or_mistakes_have_no_rows(outputs: Path, make_run: MakeRun) -> None:
    make_run(outputs, seed=0)
    make_run(outputs, seed=1, state="queued")
    add_targets(make_run(outputs, seed=2), cat=(0, 0, 0))
    with pytest.raises(InputError, match=r"measurement=\[targeted\] does that"):
        targeted_rates(collect(outputs))


def test_the_picture_has_a_panel_an_experiment_and_a_bar_a_cell_and_class(
    outputs: Path, make_run: MakeRun
) -> None:
    for epsilon in (0.1, 0.2):
        for lambda_ in (1, 5, 10):
            add_targets(
                make_run(outputs, lambda_=lambda_, epsilon=epsilon, R_hyp_minus=0.7),
                cat=(2, 3, 10),
                dog=(1, 1, 10),
            )
    drawn = figure(targeted_rates(collect(outputs)))
    assert len(drawn.axes) == 2
    for axes in drawn.axes:
        assert len(axes.patches) == 2 * 3 * 3  # pale and full, "y" and two classes, three cells
        tops = {round(bar.get_y() + bar.get_height(), 6) for bar in axes.patches}
        assert tops == {0, 70, 20, 50, 10}  # the second class ends at 20, which is where the first begins
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["thrm, λ = 1", "thrm, λ = 5", "thrm, λ = 10"]


def test_the_command_writes_the_table_and_the_picture(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    add_targets(make_run(outputs), **{"$cat_": (1, 2, 4)})
    assert main(["targeted", str(outputs)]) == 0
    names = [f"targeted{suffix}" for suffix in (".csv", ".png", ".pdf", ".svg")]
    assert capsys.readouterr().out.splitlines() == [str(outputs / name) for name in names]
    table = pandas.read_csv(outputs / "targeted.csv")
    assert list(table["class"]) == ["y", "$cat_"]
    assert row(table, attack="targeted")["already"] == 25
    assert row(table, attack="hypocritical")["reached"] == 50
    first = (outputs / "targeted.svg").read_bytes()
    assert main(["targeted", str(outputs)]) == 0
    assert (outputs / "targeted.svg").read_bytes() == first


def test_without_targets_the_command_says_so(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs)
    assert main(["targeted", str(outputs)]) == 2
    assert "measurement=[targeted]" in capsys.readouterr().err
