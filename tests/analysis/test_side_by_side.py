"""Named test images under several models, from real runs that take a fraction of a second."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from small_jobs import THRM, done
from small_models import small_experiment

from analysis.__main__ import main
from analysis.curves.side_by_side import (
    CORRECT,
    NOT_AGAIN,
    NOT_HIDDEN,
    SideBySide,
    figure,
    most_hidden,
    side_by_side,
)
from hypo.architectures.small_cnn import SmallCnn
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.datasets.digits import Digits
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.pictures import Example
from hypo.runs.loading import load_model
from hypo.settings.errors import InputError

EXPERIMENT = small_experiment(
    THRM,
    dataset=Digits(),
    arch=SmallCnn(channels=(4,), hidden=16),
    evaluation=Evaluation(ProjectedGradient(steps=3, relative_step=0.5), test_limit=300),
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def runs(outputs: Path) -> list[Path]:
    """Two models that were tested on 300 of the digits, the second on 200 of them."""
    fewer = replace(EXPERIMENT.evaluation, test_limit=200)
    return [done(outputs, EXPERIMENT), done(outputs, replace(EXPERIMENT, seed=1, evaluation=fewer))]


def flags(run: Path) -> pandas.DataFrame:
    return pandas.read_parquet(run / "examples.parquet").set_index("example")


def of_each_kind(run: Path) -> tuple[int, int, int]:
    """An image that is right, one that is hidden, and one that is neither."""
    table = flags(run)
    kinds = (table["correct"], ~table["correct"] & table["hyp"], ~table["correct"] & ~table["hyp"])
    right, hidden, neither = (int(table.index[kind][0]) for kind in kinds)
    return right, hidden, neither


def test_each_image_is_shown_or_says_why_not(runs: list[Path]) -> None:
    right, hidden, neither = of_each_kind(runs[0])
    found = side_by_side(runs[:1], [hidden, right, neither])
    assert found.indices == (hidden, right, neither)
    ((shown, *reasons),) = found.rows.values()
    assert reasons == [CORRECT, NOT_HIDDEN]
    assert isinstance(shown, Example)
    assert shown.clean_prediction != shown.label == shown.perturbed_prediction == found.labels[0]
    assert 0 < float((shown.perturbed - shown.clean).abs().max()) <= 0.05 + 1e-6


def test_an_index_is_that_of_the_test_set_and_the_picture_the_runs_own(runs: list[Path]) -> None:
    _, hidden, _ = of_each_kind(runs[0])
    ((shown,),) = side_by_side(runs[:1], [hidden]).rows.values()
    assert isinstance(shown, Example)
    data = Digits().load()
    assert torch.equal(shown.clean, data.test.images[hidden].float() / data.maximum)
    assert data.classes[int(data.test.labels[hidden])] == shown.label
    prediction = data.classes[int(load_model(runs[0])(shown.perturbed[None]).argmax())]
    assert prediction == shown.perturbed_prediction


def test_a_picture_does_not_depend_on_what_else_is_shown(runs: list[Path]) -> None:
    table = flags(runs[0])
    first, second = map(int, table.index[~table["correct"] & table["hyp"]][:2])
    ((alone,),) = side_by_side(runs[:1], [second]).rows.values()
    ((_, beside),) = side_by_side(runs[:1], [first, second]).rows.values()
    assert isinstance(alone, Example)
    assert isinstance(beside, Example)
    assert torch.equal(alone.perturbed, beside.perturbed)


def test_a_mistake_that_is_not_hidden_again_says_so(runs: list[Path], tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(runs[0], tmp_path / "runs" / runs[0].name)
    _, _, neither = of_each_kind(copy)
    table = pandas.read_parquet(copy / "examples.parquet")
    table.loc[table["example"] == neither, "hyp"] = True
    table.to_parquet(copy / "examples.parquet")
    assert list(side_by_side([copy], [neither]).rows.values()) == [(NOT_AGAIN,)]


def test_without_names_those_that_the_most_runs_hide_come_first(runs: list[Path]) -> None:
    tables = [flags(run) for run in runs]
    hidden = [set(table.index[~table["correct"] & table["hyp"]]) for table in tables]
    common = set(tables[0].index) & set(tables[1].index)
    both = sorted(hidden[0] & hidden[1])
    one = sorted(((hidden[0] | hidden[1]) - set(both)) & common)
    assert most_hidden(runs, len(both)) == both
    assert most_hidden(runs, len(both) + 2) == sorted([*both, *one[:2]])
    assert most_hidden(runs, 1) == both[:1]


def pictures(axes: Axes) -> int:
    return len(axes.images)


def test_a_row_a_run_three_pictures_an_image_and_red_for_wrong(runs: list[Path]) -> None:
    right, hidden, _ = of_each_kind(runs[1])
    drawn = figure(side_by_side(runs[::-1], [hidden, right]))
    assert len(drawn.axes) == 2 * 2 * 3
    clean, change, perturbed, *blank = drawn.axes[:6]
    assert [pictures(axes) for axes in (clean, change, perturbed)] == [1, 1, 1]
    assert [pictures(axes) for axes in blank] == [0, 0, 0]
    assert [text.get_text() for axes in blank for text in axes.texts] == ["correct"]
    colors = [to_hex(axes.xaxis.label.get_color()) for axes in (clean, perturbed)]
    assert colors == ["#c00000", "#000000"]
    assert f"#{hidden}: " in change.get_title()
    assert drawn.axes[6].get_ylabel() != clean.get_ylabel() != ""


def test_when_nothing_is_hidden_one_line_says_what_there_is_instead() -> None:
    with pytest.raises(InputError, match=r"no run hides any of these images \(a run: correct, not hidden\)"):
        figure(SideBySide((3, 4), ("0", "1"), {"a run": (CORRECT, NOT_HIDDEN)}))


def test_the_command_saves_the_same_bytes_twice_in_the_outputs(
    outputs: Path, runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, hidden, _ = of_each_kind(runs[1])
    typed = ["examples", *map(str, runs), "--examples", str(hidden)]
    assert main(typed) == 0
    path = outputs / "examples.png"
    assert capsys.readouterr().out == f"{path}\n"
    first = path.read_bytes()
    assert main(typed) == 0
    assert path.read_bytes() == first
    assert main(["examples", *map(str, runs), "--count", "2"]) == 0
    assert path.read_bytes() != first


def refused(capsys: pytest.CaptureFixture[str], *typed: Any) -> str:
    assert main(["examples", *map(str, typed)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_an_index_that_the_test_set_or_the_run_lacks_is_one_line(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    beyond = refused(capsys, runs[0], "--examples", "1197")
    assert beyond.endswith("--examples: takes test images from 0 to 1196, got 1197")
    only_first = min(set(flags(runs[0]).index) - set(flags(runs[1]).index))
    line = refused(capsys, *runs, "--examples", only_first)
    assert line.endswith(
        f"was tested on 200 of 1197 test images (evaluation.test_limit), and {only_first} is not among them"
    )


@pytest.mark.parametrize("typed", ["", "cat", "1,,2", "-1", "1.5"])
def test_what_is_no_index_is_one_line(runs: list[Path], typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, runs[0], f"--examples={typed}")
    assert line.endswith(f"--examples: takes indices of test images such as 422,4503, got {typed!r}")


def test_names_and_a_count_do_not_go_together(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, runs[0], "--examples", "1", "--count", "2")
    assert "--count: goes with images that are not named" in line


def test_runs_on_other_data_are_refused(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stripes = done(tmp_path, small_experiment(THRM), dataset="stripes")
    larger = done(tmp_path, replace(EXPERIMENT, dataset=Digits(scale=2)))
    line = refused(capsys, runs[0], stripes, "--examples", "1")
    assert f"takes runs on one data set, got dataset=digits in {runs[0]} and stripes in {stripes}" in line
    line = refused(capsys, runs[0], larger)
    assert f"got dataset.scale=1 in {runs[0]} and 2 in {larger}" in line
