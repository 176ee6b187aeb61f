"""CIFAR-100 in its official layout."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torchvision

from hypo.datasets.cifar100 import CLASSES, Cifar100
from hypo.settings.components import describe
from hypo.settings.errors import InputError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three training and two test images; torchvision is told their checksums in place of the official ones."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()

    def write(name: str, content: dict) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def split(name: str, labels: list[int]) -> list[list[str]]:
        pixels = np.random.default_rng(len(labels)).integers(0, 256, (len(labels), 3072)).astype(np.uint8)
        coarse = [0] * len(labels)
        return [write(name, {"data": pixels, "fine_labels": labels, "coarse_labels": coarse})]

    monkeypatch.setattr(torchvision.datasets.CIFAR100, "train_list", split("train", [99, 0, 7]))
    monkeypatch.setattr(torchvision.datasets.CIFAR100, "test_list", split("test", [5, 42]))
    name, checksum = write("meta", {"fine_label_names": list(CLASSES), "coarse_label_names": ["animal"]})
    meta = {"filename": name, "key": "fine_label_names", "md5": checksum}
    monkeypatch.setattr(torchvision.datasets.CIFAR100, "meta", meta)
    return tmp_path


def test_official_layout(root: Path) -> None:
    data = Cifar100(str(root)).load()
    assert data.shape == (3, 32, 32)
    assert (data.shape, len(data.classes)) == Cifar100.known
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([99, 0, 7], [5, 42])
    pixels = np.random.default_rng(3).integers(0, 256, (3, 3072)).astype(np.uint8)
    assert data.train.images[2].flatten().tolist() == pixels[2].tolist()
    assert data.mean == (0.5071, 0.4865, 0.4409)
    assert data.std == (0.2673, 0.2564, 0.2762)


def test_there_are_a_hundred_names_in_alphabetical_order() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == 100
    assert list(CLASSES) == sorted(CLASSES)
    assert (CLASSES[0], CLASSES[99]) == ("apple", "worm")


def test_a_missing_file_is_named(root: Path) -> None:
    (root / "cifar-100-python" / "test").unlink()
    with pytest.raises(InputError, match=r"there is no .*cifar-100-python/test; dataset.download=true fetches it"):
        Cifar100(str(root)).load()


def test_where_the_files_lie_is_not_part_of_a_runs_identity() -> None:
    assert describe(Cifar100("here"), identity=True) == describe(Cifar100("there", download=True), identity=True)
