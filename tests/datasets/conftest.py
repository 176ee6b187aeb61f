"""An image folder on disk, and how often its images are decoded."""

from __future__ import annotations

import pytest
from folder_of_images import FILES, pixels, save

from hypo.datasets import image_folder


@pytest.fixture
def root(tmp_path):
    for seed, file in enumerate(FILES):
        save(tmp_path / "images" / file, pixels(seed))
    return tmp_path / "images"


@pytest.fixture
def decodings(monkeypatch):
    """How often the images were decoded: a list that grows by one each time."""
    counted = []
    decode = image_folder.decode

    def counting(*args):
        counted.append(args)
        return decode(*args)

    monkeypatch.setattr(image_folder, "decode", counting)
    return counted
