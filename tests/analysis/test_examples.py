"""Pictures of hidden mistakes and of broken predictions, from real runs that take a fraction of a second."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest
from matplotlib.colors import to_hex
from small_jobs import THRM, Silent, job
from small_models import small_experiment

from analysis.__main__ import main
from analysis.curves.examples import Examples, examples, figure
from hypo.architectures.small_cnn import SmallCnn
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.datasets.digits import Digits
from hypo.jobs.attempt import attempt
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.pictures import Example
from hypo.runs.loading import load_model, load_test_data
from hypo.settings.errors import InputError

RED, BLACK = "#c00000", "#000000"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished run on digits."""
    experiment = small_experiment(
        THRM,
        dataset=Digits(),
        arch=SmallCnn(channels=(4,), hidden=16),
        evaluation=Evaluation(ProjectedGradient(steps=3, relative_step=0.5), test_limit=300),
    )
    finished = job(tmp_path_factory.mktemp("runs"), experiment, dataset="digits")
    assert attempt(finished, Silent()).state == "done"
    return finished.directory.path


def test_hidden_ones_become_correct_and_broken_ones_wrong_within_epsilon(done: Path) -> None:
    found = examples(done, 5)
    assert len(found.hidden) == len(found.broken) == 5
    for each in found.hidden:
        assert each.clean_prediction != each.label == each.perturbed_prediction
    for each in found.broken:
        assert each.clean_prediction == each.label != each.perturbed_prediction
    for each in (*found.hidden, *found.broken):
        assert 0 < float((each.perturbed - each.clean).abs().max()) <= 0.05 + 1e-6
        assert 0 <= float(each.perturbed.min()) <= float(each.perturbed.max()) <= 1


def test_they_are_the_runs_own_test_images_with_its_models_predictions(done: Path) -> None:
    images, labels = load_test_data(done)
    model = load_model(done)
    for each in examples(done, 3).hidden:
        index = int((images == each.clean).flatten(1).all(1).nonzero()[0])
        assert str(int(labels[index])) == each.label
        assert str(int(model(each.perturbed[None]).argmax())) == each.perturbed_prediction


def test_wrong_predictions_are_red_and_right_ones_black(done: Path) -> None:
    drawn = figure(examples(done, 2))
    hidden, broken = drawn.subfigs
    for group, before, after in [(hidden, RED, BLACK), (broken, BLACK, RED)]:
        clean, change, perturbed = (group.axes[start : start + 2] for start in (0, 2, 4))
        assert {to_hex(axes.title.get_color()) for axes in clean} == {before}
        assert {to_hex(axes.title.get_color()) for axes in perturbed} == {after}
        assert {axes.title.get_text() for axes in change} == {""}


def test_the_perturbation_is_shown_around_grey_and_stretched_to_black_or_white(done: Path) -> None:
    drawn = figure(examples(done, 4))
    (hidden, _) = drawn.subfigs
    shown = [axes.images[0].get_array() for axes in hidden.axes[4:8]]
    reach = max(float(abs(array - 0.5).max()) for array in shown)
    assert reach == pytest.approx(0.5, abs=1e-6)
    assert "perturbations × " in str(hidden.get_suptitle())


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colour_images_are_drawn_as_such(channels: int) -> None:
    import torch

    clean = torch.rand(channels, 6, 5, generator=torch.Generator().manual_seed(0))
    example = Example(clean, clean + 0.01, "$a", "_b", "$a")
    drawn = figure(Examples("a run with a $ in its name", (example,), ()))
    (group,) = drawn.subfigs
    assert group.axes[0].images[0].get_array().shape == ((6, 5) if channels == 1 else (6, 5, 3))
    drawn.draw_without_rendering()  # a dollar sign starts no formula


def test_the_command_saves_the_same_bytes_twice(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examples", str(done), "--count", "2"]) == 0
    path = done / "examples.png"
    assert capsys.readouterr().out == f"{path}\n"
    first = path.read_bytes()
    assert main(["examples", str(done), "--count", "2"]) == 0
    assert path.read_bytes() == first


def test_no_success_is_said_in_words() -> None:
    with pytest.raises(InputError, match="no mistake of it was hidden"):
        figure(Examples("a run", (), ()))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--count", "0"], "--count: takes a whole number >= 1, got 0"),
        (["-o", "picture.docx"], "a figure is written as .png, .pdf, .svg"),
    ],
)
def test_wrong_options_are_one_line(
    done: Path, options: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["examples", str(done), *options]) == 2
    err = capsys.readouterr().err
    assert problem in err
    assert len(err.splitlines()) == 1


def test_what_is_no_finished_run_is_one_line(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished = job(tmp_path).directory.path
    for run in (tmp_path, unfinished):
        assert main(["examples", str(run)]) == 2
        err = capsys.readouterr().err
        assert str(run) in err
        assert len(err.splitlines()) == 1


def test_only_what_the_run_flagged_is_tried(done: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(done, tmp_path / done.name)
    table = pandas.read_parquet(copy / "examples.parquet")
    table["hyp"] = table["correct"]  # it hid no mistake
    table.to_parquet(copy / "examples.parquet")
    found = examples(copy, 3)
    assert found.hidden == ()
    assert len(found.broken) == 3


def test_a_run_whose_pictures_show_the_first_success_is_shown_so(done: Path, tmp_path: Path) -> None:
    import shutil

    import yaml

    copy = shutil.copytree(done, tmp_path / done.name)
    config = yaml.safe_load((copy / "config.yaml").read_text())
    config["measurement"]["pictures"] = {"point": "first_success"}
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    largest, first = (examples(run, 5) for run in (done, copy))
    for group in ("hidden", "broken"):
        pairs = list(zip(getattr(largest, group), getattr(first, group), strict=True))
        assert all((one.clean == other.clean).all() for one, other in pairs)
        assert any((one.perturbed != other.perturbed).any() for one, other in pairs)
