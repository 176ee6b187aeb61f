from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from hypo.datasets.digits import Digits
from hypo.settings.errors import InputError


def test_shapes_and_what_the_numbers_mean():
    data = Digits().load()
    assert data.shape == (1, 8, 8)
    assert (len(data.train), len(data.test)) == (600, 1197)
    assert data.classes == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert data.train.images.dtype == torch.uint8
    assert data.train.labels.dtype == torch.int64
    assert (int(data.train.images.min()), int(data.train.images.max()), data.maximum) == (0, 16, 16)
    assert (data.mean, data.std) == ((0.0,), (1.0,))
    assert data.train.images.is_contiguous(memory_format=torch.channels_last)


def test_the_two_splits_are_the_whole_data_set_once():
    data = Digits().load()
    ours = torch.cat([data.train.images, data.test.images]).flatten(1)
    labels = torch.cat([data.train.labels, data.test.labels])
    rows = sorted([*image, label] for image, label in zip(ours.tolist(), labels.tolist(), strict=True))
    digits = load_digits()
    assert rows == sorted(
        [*map(int, image), label] for image, label in zip(digits.data, digits.target, strict=True)
    )


def test_the_split_never_changes():
    """Figures that were published rest on this split."""
    data = Digits().load()
    assert data.train.labels[:10].tolist() == [2, 8, 2, 6, 6, 7, 1, 9, 8, 5]
    assert data.test.labels[:10].tolist() == [2, 7, 1, 4, 4, 1, 3, 5, 6, 7]
    assert data.train.labels.bincount().tolist() == [49, 62, 63, 55, 50, 67, 67, 56, 69, 62]


def test_a_scale_repeats_every_pixel():
    plain, larger = Digits().load(), Digits(scale=4).load()
    assert larger.shape == (1, 32, 32)
    for data, digits in ((plain, Digits()), (larger, Digits(scale=4))):
        assert (data.shape, len(data.classes)) == digits.known
    assert torch.equal(larger.train.images[..., ::4, ::4], plain.train.images)
    assert torch.equal(larger.test.images[..., 3::4, 2::4], plain.test.images)
    with pytest.raises(InputError, match=r"^scale: takes a whole number >= 1, got 0"):
        Digits(scale=0)
