"""Which preprocessing a model wants, tried out; what is asked or warned of, and where nothing is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hypo.architectures.adapted import Adapted
from hypo.architectures.preprocessing import likely_preprocessing
from hypo.datasets.images import ImageData


class Undone(nn.Module):
    """The beginning of a model that wants images normalised by `mean` and `std`: it undoes that, and looks."""

    def __init__(self, mean: float | Tensor, std: float | Tensor) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, images: Tensor) -> Tensor:
        return images * self.std + self.mean


class Grey(nn.Module):
    """The mean of the channels."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(1, keepdim=True)


@pytest.fixture
def many(digits: ImageData) -> tuple[Tensor, Tensor]:
    return digits.test.images[:].float() / digits.maximum, digits.test.labels


def test_the_preprocessing_that_fits_is_found_and_asked_for(
    digits_mlp: nn.Module, many: tuple[Tensor, Tensor]
) -> None:
    wanting = nn.Sequential(Undone(0, 1 / 255), digits_mlp)
    fits = likely_preprocessing(Adapted(wanting), *many)
    assert fits.best.settings == "arch.mean=[0] arch.std=[0.00392157]"
    assert fits.another_fits_better
    assert fits.question.startswith("How are images normalised for this model? It is right about ")
    assert fits.question.endswith("; pass arch.mean=[0] arch.std=[0.00392157]")
    assert " with [0, 255], " in fits.question


def test_the_preprocessing_that_was_given_is_doubted_where_another_fits_better(
    digits_mlp: nn.Module, many: tuple[Tensor, Tensor]
) -> None:
    wanting = nn.Sequential(Undone(0, 1 / 255), digits_mlp)
    fits = likely_preprocessing(Adapted(wanting, (0.9,), (0.3,)), *many)
    assert fits.question == ""
    assert fits.warning.startswith("the model is right about ")
    assert " of 1197 images with what was given, and about " in fits.warning
    remedy = "normalise in its first layer, or pass arch.mean=[0] arch.std=[0.00392157]"
    assert fits.warning.endswith(f" with [0, 255]; {remedy}")


def test_a_model_that_takes_images_as_they_are_raises_no_question(
    digits_mlp: nn.Module, many: tuple[Tensor, Tensor]
) -> None:
    fits = likely_preprocessing(digits_mlp, *many)
    assert (fits.question, fits.warning) == ("", "")
    right = int((digits_mlp(many[0]).argmax(1) == many[1]).sum())
    assert int(fits.correct[fits.current].sum()) == right
    assert not likely_preprocessing(Adapted(digits_mlp, (0.0,), (1.0,)), *many).warning


def test_imagenets_mean_and_std_are_tried_on_colour(digits_mlp: nn.Module, many: tuple[Tensor, Tensor]) -> None:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    fits = likely_preprocessing(
        nn.Sequential(Undone(mean, std), Grey(), digits_mlp), many[0].expand(-1, 3, -1, -1), many[1]
    )
    assert fits.correct[fits.best].sum() >= 0.95 * max(c.sum() for c in fits.correct.values())
    assert "ImageNet's mean and std" in {each.name for each in fits.correct}
