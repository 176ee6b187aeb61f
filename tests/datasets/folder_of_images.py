"""A small image folder, made of random pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hypo.datasets.image_folder import ImageFolder
from hypo.settings.errors import InputError

FILES = (
    "train/cat/b.png",
    "train/cat/a.png",
    "train/dog/deep/er/c.PNG",
    "train/dog/d.png",
    "test/cat/e.png",
    "test/dog/f.png",
)


def pixels(seed: int, height: int = 6, width: int = 6, channels: int = 3) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return values.squeeze(2) if channels == 1 else values


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def refusal(dataset: ImageFolder) -> str:
    with pytest.raises(InputError) as caught:
        dataset.load()
    message = str(caught.value)
    assert "\n" not in message
    return message


# What it loads


def add(root):
    save(root / "train/cat/new.png", pixels(9))


def remove(root):
    (root / "train/cat/a.png").unlink()


def rename(root):
    (root / "train/cat/a.png").rename(root / "train/cat/z.png")


def replace(root):
    save(root / "train/cat/a.png", pixels(9, 6, 6) // 64)


def touch(root):
    status = (root / "train/cat/a.png").stat()
    os.utime(root / "train/cat/a.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
