"""Single images that an attack moved: chosen, kept within the ball, and read back from a sheet."""

from __future__ import annotations

import io
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image
from small_jobs import THRM, Silent, job
from small_models import small_experiment

from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import best
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.digits import Digits
from hypo.jobs.attempt import attempt
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.pictures import Example, Pictures, demonstrate, read_sheet, sheet
from hypo.runs.loading import load_model, load_test_data
from hypo.settings.errors import InputError


class Brightness(torch.nn.Module):
    """Class 1 where the one pixel is above a half."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        value = images.flatten(1)
        return torch.cat([0.5 - value, value - 0.5], dim=1)


def test_only_images_that_are_reached_are_shown_in_their_order() -> None:
    pixels = torch.tensor([0.45, 0.1, 0.48, 0.46, 0.49]).view(5, 1, 1, 1)
    labels = torch.ones(5, dtype=torch.int64)
    evaluation = Evaluation(ProjectedGradient(steps=5, relative_step=0.5))
    found = demonstrate(
        Brightness(), pixels, labels, ["dark", "bright"], Hypocritical, Linf(0.1), evaluation, count=3
    )
    assert [float(each.clean) for each in found] == pytest.approx([0.45, 0.48, 0.46])
    for each in found:
        assert (each.label, each.clean_prediction, each.perturbed_prediction) == ("bright", "dark", "bright")
        assert 0.5 < float(each.perturbed) <= float(each.clean) + 0.1 + 1e-6


def test_the_first_success_is_where_a_search_that_stops_there_ends() -> None:
    """From 0.45 in steps of 0.02 the line at 0.5 is first crossed at 0.51; the largest margin is at the end."""
    pixels, labels = torch.full((1, 1, 1, 1), 0.45), torch.ones(1, dtype=torch.int64)
    evaluation = Evaluation(ProjectedGradient(steps=10, relative_step=0.2, start="clean"))
    shown = [pixels, labels, ["dark", "bright"], Hypocritical, Linf(0.1), evaluation]
    (first,) = demonstrate(Brightness(), *shown, count=1, first=True)
    (largest,) = demonstrate(Brightness(), *shown, count=1)
    assert float(first.perturbed) == pytest.approx(0.51)
    assert float(largest.perturbed) == pytest.approx(0.55)
    assert (first.clean_prediction, first.perturbed_prediction) == ("dark", "bright")


def test_the_first_success_of_every_example_is_the_first_of_all_that_is_visited() -> None:
    """Over several restarts of several searches, each example's by itself; what never succeeds is at its best."""
    images = torch.rand(40, 1, 1, 1, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.33
    goal, ball = Hypocritical(torch.ones(40, dtype=torch.int64)), Linf(0.1)
    visited: list[torch.Tensor] = [images]

    class Watched(Brightness):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            visited.append(images.detach().clone())
            return super().forward(images)

    search = ProjectedGradient(steps=4, relative_step=0.1, restarts=3)
    found = best(search, Watched(), images, goal, ball, torch.Generator().manual_seed(1), first=True)
    path = torch.stack(visited).flatten(1)  # every point in turn, one row each time that the model was asked
    reached = path > 0.5
    assert 5 < int(reached.any(0).sum()) < 40
    for example in range(40):
        expected = path[reached[:, example].int().argmax(), example] if reached[:, example].any() else None
        if expected is not None:
            assert found.flatten()[example] == expected
    largest = best(search, Brightness(), images, goal, ball, torch.Generator().manual_seed(1))
    assert torch.equal(largest.flatten(), path.amax(0))
    assert torch.equal((largest > 0.5).flatten(), (found > 0.5).flatten())


def test_a_later_search_does_not_move_what_an_earlier_one_reached() -> None:
    pixels, labels = torch.full((1, 1, 1, 1), 0.45), torch.ones(1, dtype=torch.int64)
    one = ProjectedGradient(steps=10, relative_step=0.2, start="clean")
    evaluation = Evaluation(one, then={"further": ProjectedGradient(steps=1, relative_step=1, start="clean")})
    shown = [pixels, labels, ["dark", "bright"], Hypocritical, Linf(0.1), evaluation]
    (first,) = demonstrate(Brightness(), *shown, count=1, first=True)
    assert float(first.perturbed) == pytest.approx(0.51)


def test_a_point_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match=r"^point: takes "):
        Pictures(point="second_success")  # type: ignore[arg-type]


def test_nothing_to_show_is_nothing() -> None:
    evaluation = Evaluation(ProjectedGradient(steps=5, relative_step=0.5))
    none = torch.zeros(0, 1, 1, 1), torch.zeros(0, dtype=torch.int64)
    assert demonstrate(Brightness(), *none, ["a", "b"], Hypocritical, Linf(0.1), evaluation, count=3) == ()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_has_a_column_an_example_and_says_what_it_shows(tmp_path: Path, channels: int) -> None:
    clean = torch.full((channels, 2, 4), 0.2)
    examples = [
        Example(clean, clean + 0.1, "<cat>", "dog", "<cat>"),
        Example(clean, clean - 0.05, "λ", "dog", "λ"),
    ]
    path = tmp_path / "hidden.png"
    path.write_bytes(sheet(examples))
    pixels = numpy.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))
    assert pixels.shape == (8, 9, 3)
    assert (pixels[:2, :4] == 51).all()
    assert (pixels[:, 4] == 255).all()  # between two images
    assert (pixels[3:5, :4] == 255).all()  # the largest change, to white
    assert (pixels[3:5, 5:] == 64).all()  # half as much the other way
    assert (pixels[6:, :4] == 76).all()
    read = read_sheet(path)
    assert read.factor == pytest.approx(5)
    assert [caption.label for caption in read.captions] == ["<cat>", "λ"]
    assert {caption.clean_prediction for caption in read.captions} == {"dog"}


def test_a_run_leaves_pictures_of_its_own_hidden_mistakes(tmp_path: Path) -> None:
    experiment = small_experiment(
        THRM,
        dataset=Digits(),
        evaluation=Evaluation(ProjectedGradient(steps=3, relative_step=0.5), test_limit=200),
        measurements={"pictures": Pictures()},
    )
    done = job(tmp_path, experiment, dataset="digits")
    assert attempt(done, Silent()).state == "done"
    path = done.directory.path
    picture = path / "measurements/pictures/hidden.png"
    read = read_sheet(picture)
    assert 1 <= len(read.captions) <= 4
    pixels = torch.from_numpy(numpy.asarray(Image.open(picture)).copy())
    images, labels = load_test_data(path)
    model = load_model(path)
    for column, caption in enumerate(read.captions):
        shown = pixels[:8, 9 * column : 9 * column + 8] / 255
        index = int((images[:, 0] - shown).abs().flatten(1).amax(1).argmin())
        assert torch.allclose(images[index, 0], shown, atol=0.5 / 255 + 1e-6)
        assert caption.label == caption.perturbed_prediction == str(int(labels[index]))
        assert caption.clean_prediction == str(int(model(images[index : index + 1]).argmax())) != caption.label
