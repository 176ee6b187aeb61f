"""SVHN in its official layout."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from scipy.io import savemat

from hypo.datasets.svhn import Svhn
from hypo.settings.components import describe
from hypo.settings.errors import InputError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three training and two test images; torchvision is told their checksums in place of the official ones."""
    splits = {}
    for name, labels in (("train", [1, 10, 9]), ("test", [10, 2])):
        path = tmp_path / f"{name}_32x32.mat"
        pixels = np.random.default_rng(len(labels)).integers(0, 256, (32, 32, 3, len(labels))).astype(np.uint8)
        savemat(path, {"X": pixels, "y": np.array(labels, np.uint8)[:, np.newaxis]})
        splits[name] = ["", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", splits)
    return tmp_path


def test_official_layout(root: Path) -> None:
    data = Svhn(str(root)).load()
    assert data.shape == (3, 32, 32)
    assert (data.shape, len(data.classes)) == Svhn.known
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == (
        [1, 0, 9],
        [0, 2],
    )  # the file's 10 is a zero
    pixels = np.random.default_rng(3).integers(0, 256, (32, 32, 3, 3)).astype(np.uint8)
    assert torch.equal(data.train.images[1], torch.from_numpy(pixels[..., 1]).permute(2, 0, 1))
    assert data.train.images.is_contiguous(memory_format=torch.channels_last)
    assert (data.classes, data.mean, data.std) == (tuple("0123456789"), (0.5,) * 3, (0.5,) * 3)


def test_files_that_are_missing_or_broken_are_named(root: Path) -> None:
    (root / "test_32x32.mat").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"the files of SVHN in .* are broken"):
        Svhn(str(root)).load()
    (root / "test_32x32.mat").unlink()
    with pytest.raises(InputError, match=r"there is no .*test_32x32.mat; dataset.download=true fetches it"):
        Svhn(str(root)).load()


def test_where_the_files_lie_is_not_part_of_a_runs_identity() -> None:
    assert describe(Svhn("here"), identity=True) == describe(Svhn("there", download=True), identity=True)
