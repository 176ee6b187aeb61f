from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision

from hypo.datasets.cifar10 import CLASSES, FILES, Cifar10
from hypo.settings.components import describe
from hypo.settings.errors import InputError

BATCHES = FILES[:-1]


def old_pickle(content: dict) -> bytes:
    """As Python 2 wrote the official files: with older module names, and integers for booleans."""
    new = pickle.dumps(content, protocol=2)
    return new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray").replace(
        b"\x89\x88\x87", b"K\x00K\x01\x87"
    )


def write(path: Path, content: dict) -> list[str]:
    path.write_bytes(old_pickle(content))
    return [path.name, hashlib.md5(path.read_bytes()).hexdigest()]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Six batches of two images; torchvision is told their checksums in place of the official ones."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    random = np.random.default_rng(0)
    batches = [
        write(
            folder / name,
            {"data": random.integers(0, 256, (2, 3072)).astype(np.uint8), "labels": [index, 9 - index]},
        )
        for index, name in enumerate(BATCHES)
    ]
    name, checksum = write(folder / "batches.meta", {"label_names": list(CLASSES)})
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "train_list", batches[:-1])
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "test_list", batches[-1:])
    meta = {"filename": name, "key": "label_names", "md5": checksum}
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "meta", meta)
    return tmp_path


def refusal(dataset: Cifar10) -> str:
    with pytest.raises(InputError) as caught:
        dataset.load()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_official_layout(root):
    data = Cifar10(root=str(root)).load()
    assert data.shape == (3, 32, 32)
    assert (data.shape, len(data.classes)) == Cifar10.known
    assert data.train.labels.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert data.test.labels.tolist() == [5, 4]
    # A row holds 1,024 red values, then the green, then the blue ones.
    first = np.random.default_rng(0).integers(0, 256, (2, 3072)).astype(np.uint8)[0]
    assert torch.equal(data.train.images[0], torch.from_numpy(first.reshape(3, 32, 32)))
    assert data.train.images.is_contiguous(memory_format=torch.channels_last)
    assert data.test.images.is_contiguous(memory_format=torch.channels_last)
    assert (data.maximum, data.classes) == (255, CLASSES)
    assert data.mean == (0.4914, 0.4822, 0.4465)
    assert data.std == (0.2471, 0.2435, 0.2616)


def test_where_the_files_lie_is_not_part_of_a_runs_identity():
    assert describe(Cifar10("here"), identity=True) == describe(Cifar10("there", download=True), identity=True)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_says_where_it_should_be_and_how_to_get_it(root, file, monkeypatch):
    path = root / "cifar-10-batches-py" / file
    path.unlink()
    monkeypatch.chdir(root)
    message = refusal(Cifar10(root="."))
    assert message.startswith("dataset.root: ")
    assert str(path) in message
    assert "dataset.download=true" in message


@pytest.mark.parametrize("file", FILES)
def test_a_broken_file_names_its_folder_and_is_never_unpickled(root, file):
    path = root / "cifar-10-batches-py" / file
    path.write_bytes(path.read_bytes()[:-1])
    message = refusal(Cifar10(root=str(root)))
    assert message.startswith(f"dataset.root: the files of CIFAR-10 in {path.parent} are broken (RuntimeError")


def test_a_download_that_fails(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise URLError("no route\nto host")

    monkeypatch.setattr(torchvision.datasets.cifar, "download_and_extract_archive", refuse)
    message = refusal(Cifar10(root=str(tmp_path), download=True))
    assert message.startswith(f"dataset.download: could not fetch CIFAR-10 into {tmp_path}/cifar-10-batches-py: ")
    assert "no route to host" in message


def test_a_download_leaves_alone_what_is_there(root, monkeypatch):
    monkeypatch.delattr(torchvision.datasets.cifar, "download_and_extract_archive")
    assert len(Cifar10(root=str(root), download=True).load().train) == 10
