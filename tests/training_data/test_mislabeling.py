"""Mislabeling: the labels are random, all else is as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_jobs import THRM
from small_models import small_experiment

from hypo.datasets.images import ImageData
from hypo.runs.crafted import Crafted
from hypo.settings.errors import InputError
from hypo.training_data.mislabeling import Mislabeling


def prepared(data: ImageData, seed: int = 0, run_seed: int = 0) -> ImageData:
    experiment = small_experiment(THRM, seed=run_seed)
    return Mislabeling(seed).prepare(data, experiment, [], Crafted(Path("nowhere"), "run"))


def test_the_labels_are_others_and_all_else_stays(digits: ImageData) -> None:
    made = prepared(digits)
    assert torch.equal(made.train.images, digits.train.images)
    assert made.train.labels.shape == digits.train.labels.shape
    assert made.train.labels.dtype == digits.train.labels.dtype
    assert (made.train.labels != digits.train.labels).float().mean() > 0.8
    assert made.test is digits.test
    assert (made.maximum, made.mean, made.std) == (digits.maximum, digits.mean, digits.std)


def test_every_label_is_as_frequent_and_one_in_c_is_right(digits: ImageData) -> None:
    labels = prepared(digits).train.labels
    counts = torch.bincount(labels, minlength=10)
    assert len(counts) == 10
    assert ((counts - 60).abs() < 5 * 60**0.5).all()
    assert abs((labels == digits.train.labels).float().mean() - 0.1) < 0.05


def test_its_own_seed_decides_and_the_run_s_does_not(digits: ImageData) -> None:
    first = prepared(digits).train.labels
    assert torch.equal(first, prepared(digits, run_seed=3).train.labels)
    assert not torch.equal(first, prepared(digits, seed=1).train.labels)


def test_the_seed_is_checked() -> None:
    with pytest.raises(InputError, match=r"^seed: takes a whole number >= 0, got -1"):
        Mislabeling(-1)
