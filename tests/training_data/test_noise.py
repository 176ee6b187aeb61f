"""Noise: the images are random, all else is as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_jobs import THRM
from small_models import small_experiment

from hypo.datasets.images import ImageData
from hypo.runs.crafted import Crafted
from hypo.settings.errors import InputError
from hypo.training_data.noise import Noise


def prepared(data: ImageData, seed: int = 0, run_seed: int = 0) -> ImageData:
    experiment = small_experiment(THRM, seed=run_seed)
    return Noise(seed).prepare(data, experiment, [], Crafted(Path("nowhere"), "run"))


def test_the_images_are_others_and_all_else_stays(digits: ImageData) -> None:
    made = prepared(digits)
    assert torch.equal(made.train.labels, digits.train.labels)
    assert made.train.images.shape == digits.train.images.shape
    assert made.train.images.dtype == digits.train.images.dtype
    assert (made.train.images != digits.train.images).float().mean() > 0.8
    assert made.test is digits.test
    assert (made.maximum, made.mean, made.std) == (digits.maximum, digits.mean, digits.std)


def test_every_grey_level_is_as_frequent(digits: ImageData) -> None:
    counts = torch.bincount(prepared(digits).train.images.flatten(), minlength=17)
    expected = digits.train.images.numel() / 17
    assert len(counts) == 17
    assert ((counts - expected).abs() < 5 * expected**0.5).all()


def test_its_own_seed_decides_and_the_run_s_does_not(digits: ImageData) -> None:
    first = prepared(digits).train.images
    assert torch.equal(first, prepared(digits, run_seed=3).train.images)
    assert not torch.equal(first, prepared(digits, seed=1).train.images)


def test_the_seed_is_checked() -> None:
    with pytest.raises(InputError, match=r"^seed: takes a whole number >= 0, got -1"):
        Noise(-1)
