"""What models were trained on, from real runs that take a fraction of a second."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.colors import to_hex
from small_jobs import done
from small_models import small_experiment, small_recipe

from analysis.__main__ import main
from analysis.curves.samples import Sample, Samples, figure, samples
from hypo.architectures.small_cnn import SmallCnn
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.datasets.digits import Digits
from hypo.defenses.none import NoDefense
from hypo.defenses.standard import Standard
from hypo.measurements.evaluation import Evaluation
from hypo.settings.errors import InputError
from hypo.training_data.mislabeling import Mislabeling
from hypo.training_data.naive import Naive
from hypo.training_data.noise import Noise
from hypo.training_data.poisoning import Crafter, Poisoning
from hypo.training_data.quality import Quality

ARCH = SmallCnn(channels=(4,), hidden=16)
LIMIT = 200
EXPERIMENT = small_experiment(
    Standard(),
    dataset=Digits(),
    arch=ARCH,
    recipe=small_recipe(epochs=1, train_limit=LIMIT),
    evaluation=Evaluation(ProjectedGradient(steps=1), test_limit=50),
)
POISONING = Poisoning(Crafter(ARCH, 0.05), ProjectedGradient(steps=5, relative_step=0.5, start="clean"))
COUNT = 20


def made_of(outputs: Path, training_data: Any, **changes: Any) -> Path:
    return done(outputs, replace(EXPERIMENT, training_data=training_data, **changes))


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def runs(outputs: Path) -> dict[str, Path]:
    kinds = {"noise": Noise(), "mislabeling": Mislabeling(), "poisoning": POISONING, "quality": Quality()}
    return {name: made_of(outputs, kind) for name, kind in kinds.items()}


def test_the_images_are_random_ones_that_were_trained_on_and_the_same_for_all_runs(runs: dict[str, Path]) -> None:
    data = Digits().load()
    trained_on, _ = data.train.limited(LIMIT)
    shown = {name: samples(run, COUNT).shown for name, run in runs.items()}
    for of_run in shown.values():
        assert len(of_run) == COUNT
        for each, first in zip(of_run, shown["quality"], strict=True):
            assert torch.equal(each.clean, first.clean)
            assert each.label == first.label
    for each in shown["quality"]:
        same = (trained_on.images.float() / data.maximum == each.clean).flatten(1).all(1)
        assert each.label in {data.classes[int(label)] for label in trained_on.labels[same]}


def test_quality_is_the_same_below_and_mislabeling_has_other_labels(runs: dict[str, Path]) -> None:
    for each in samples(runs["quality"], COUNT).shown:
        assert torch.equal(each.crafted, each.clean)
        assert each.trained_label == each.label
    of_mislabeling = samples(runs["mislabeling"], COUNT).shown
    assert all(torch.equal(each.crafted, each.clean) for each in of_mislabeling)
    wrong = sum(each.trained_label != each.label for each in of_mislabeling)
    assert COUNT / 2 < wrong <= COUNT


def test_noise_has_the_labels_and_nothing_of_the_images(runs: dict[str, Path]) -> None:
    shown = samples(runs["noise"], COUNT).shown
    assert all(each.trained_label == each.label for each in shown)
    noise = torch.stack([each.crafted for each in shown])
    assert float(noise.mean()) == pytest.approx(0.5, abs=0.05)
    clean = torch.stack([each.clean for each in shown])
    assert abs(float(torch.corrcoef(torch.stack([noise.flatten(), clean.flatten()]))[0, 1])) < 0.2


def test_poisons_are_the_crafted_set_within_the_ball_and_half_a_grey_level(
    outputs: Path, runs: dict[str, Path]
) -> None:
    from safetensors.torch import load_file

    (file,) = (outputs / "crafted").glob("*.safetensors")
    stored = load_file(file)["images"].float()
    maximum = Digits().load().finer().maximum
    shown = samples(runs["poisoning"], COUNT).shown
    for each in shown:
        assert each.trained_label == each.label
        assert (
            float((each.crafted - each.clean).abs().max())
            <= EXPERIMENT.threat_model.epsilon + 0.5 / maximum + 1e-6
        )
        assert bool((stored / maximum == each.crafted).flatten(1).all(1).any())
    assert any(not torch.equal(each.crafted, each.clean) for each in shown)


def test_without_the_crafted_set_one_line_says_how_it_is_made_again_and_nothing_is(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(runs["poisoning"], tmp_path / "outputs" / "runs" / runs["poisoning"].name)
    before = sorted(tmp_path.rglob("*"))
    assert main(["samples", str(copy)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path / 'outputs' / 'crafted'}/poisoning-" in line
    assert line.endswith(
        "is not there; the next run that is trained on it makes it again, such as this one with another seed"
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_another_seed_makes_the_crafted_set_again(tmp_path: Path) -> None:
    """What the message says is so: poisons are shared by all seeds."""
    run = made_of(tmp_path, POISONING)
    (file,) = (tmp_path / "crafted").glob("*.safetensors")
    content = file.read_bytes()
    file.unlink()
    made_of(tmp_path, POISONING, seed=5)
    assert file.read_bytes() == content
    assert samples(run, COUNT).shown


def test_a_naive_run_was_trained_on_nothing(
    tmp_path: Path, runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    naive = made_of(tmp_path, Naive(), defense=NoDefense())
    assert main(["samples", str(naive)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "a naive model was trained on nothing" in line
    drawn = figure([samples(naive, 3), samples(runs["quality"], 3)])
    first, second = drawn.subfigs
    assert str(first.get_suptitle()).endswith("trained on nothing")
    assert (len(first.axes), len(second.axes)) == (0, 2 * 3)


def test_wrong_labels_are_red(runs: dict[str, Path]) -> None:
    image = torch.zeros(1, 4, 4)
    drawn = figure([Samples("a $ run", (Sample(image, "cat", image, "dog"), Sample(image, "cat", image, "cat")))])
    (part,) = drawn.subfigs
    texts = [(axes.get_xlabel(), to_hex(axes.xaxis.label.get_color())) for axes in part.axes]
    assert texts == [("cat", "#000000"), ("cat", "#000000"), ("dog", "#c00000"), ("cat", "#000000")]
    drawn.draw_without_rendering()  # a dollar sign starts no formula


def test_the_command_saves_the_same_bytes_twice(
    outputs: Path, runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["samples", str(runs["poisoning"]), "--count", "3"]) == 0
    assert capsys.readouterr().out == f"{runs['poisoning'] / 'samples.png'}\n"
    assert main(["samples", *map(str, runs.values())]) == 0
    assert capsys.readouterr().out == f"{outputs / 'samples.png'}\n"
    again = tmp_path / "again.png"
    assert main(["samples", *map(str, runs.values()), "-o", str(again)]) == 0
    assert again.read_bytes() == (outputs / "samples.png").read_bytes()


def test_wrong_input_is_one_line(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for typed in ([str(tmp_path)], [str(runs["quality"]), "--count", "0"], [str(runs["quality"]), "-o", "a.docx"]):
        assert main(["samples", *typed]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_run_whose_code_or_data_changed_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(runs["quality"], tmp_path / "runs" / runs["quality"].name)
    config = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(config.replace("epochs: 1", "epochs: 2"))
    with pytest.raises(InputError, match="its data or the code changed"):
        samples(copy, 3)
