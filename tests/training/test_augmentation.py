from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hypo.training.augmentation import augment

BATCH, CHANNELS, HEIGHT, WIDTH = 40, 3, 6, 5


def numbered_images() -> Tensor:
    """No two images alike, and no pixel 0: channels-last, as they lie in a data set."""
    random = torch.Generator().manual_seed(0)
    rows = torch.randint(1, 256, (BATCH, HEIGHT, WIDTH, CHANNELS), generator=random, dtype=torch.uint8)
    return rows.permute(0, 3, 1, 2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def window(image: Tensor, padding: int, row: int, column: int, mirrored: bool) -> Tensor:
    """The crop at (row, column) of one image, the slow way."""
    channels, height, width = image.shape
    padded = torch.zeros(channels, height + 2 * padding, width + 2 * padding, dtype=image.dtype)
    padded[:, padding : padding + height, padding : padding + width] = image
    crop = padded[:, row : row + height, column : column + width]
    return crop.flip(2) if mirrored else crop


@pytest.mark.parametrize(("padding", "flip"), [(2, True), (2, False), (0, True), (4, True)])
def test_every_image_is_a_window_of_its_padded_self(padding: int, flip: bool) -> None:
    images = numbered_images()
    augmented = augment(images, padding, flip, generator())
    chosen = set()
    for image, result in zip(images, augmented, strict=True):
        matches = {
            (row, column, mirrored)
            for row in range(2 * padding + 1)
            for column in range(2 * padding + 1)
            for mirrored in ([False, True] if flip else [False])
            if torch.equal(window(image, padding, row, column, mirrored), result)
        }
        assert len(matches) == 1
        chosen |= matches
    for position, values in enumerate(zip(*chosen, strict=True)):
        expected = 2 if position == 2 and flip else 1 if position == 2 else min(2 * padding + 1, 5)
        assert len(set(values)) >= expected  # rows, columns and mirroring vary from image to image


def test_all_windows_and_both_sides_are_equally_likely() -> None:
    images = torch.zeros(9000, 1, 3, 3, dtype=torch.uint8)
    images[:, :, 1, 1] = 9  # the mark in the middle tells where the window was
    marks = augment(images, 1, False, generator()).flatten(1).argmax(1)
    counts = torch.bincount(marks, minlength=9).float()
    assert ((counts - 1000).abs() < 5 * 30).all()  # five standard errors
    images[:, 0] = torch.tensor([[1, 0, 0]], dtype=torch.uint8)
    mirrored = augment(images, 0, True, generator())[:, 0, 0, 2].float().mean()
    assert abs(mirrored - 0.5) < 0.03


def test_what_lies_outside_is_zero() -> None:
    images = numbered_images()
    augmented = augment(images, 4, False, generator())
    inside = (augmented != 0).flatten(1).sum(1)
    assert (inside < CHANNELS * HEIGHT * WIDTH).any()
    # What is not zero is one rectangle, the same in all channels.
    kept = augmented != 0
    assert torch.equal(kept[:, :1].expand_as(kept), kept)


def test_type_shape_and_layout_are_kept() -> None:
    images = numbered_images()
    augmented = augment(images, 2, True, generator())
    assert augmented.dtype == torch.uint8
    assert augmented.shape == images.shape
    assert augmented.is_contiguous(memory_format=torch.channels_last)


def test_the_generator_decides() -> None:
    images = numbered_images()
    before = torch.get_rng_state()
    once, again, other = (augment(images, 2, True, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.equal(before, torch.get_rng_state())


def test_without_augmentation_the_images_are_themselves_and_nothing_is_drawn() -> None:
    images, random = numbered_images(), generator()
    state = random.get_state()
    assert augment(images, 0, False, random) is images
    assert torch.equal(state, random.get_state())


def test_the_images_given_are_not_changed() -> None:
    images = numbered_images()
    before = images.clone()
    augment(images, 2, True, generator())
    assert torch.equal(images, before)
