from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision

from hypo.datasets.mnist import FILES, Mnist
from hypo.settings.components import describe
from hypo.settings.errors import InputError


def write_idx(path: Path, values: np.ndarray) -> None:
    """The official format: two zero bytes, type (8 is uint8), number of axes, their lengths, the values."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def root(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, count in (("train", 12), ("t10k", 5)):
        write_idx(raw / f"{part}-images-idx3-ubyte", random.integers(0, 256, (count, 28, 28)))
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(count) % 10)
    return tmp_path


def refusal(dataset: Mnist) -> str:
    with pytest.raises(InputError) as caught:
        dataset.load()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_official_layout(root):
    data = Mnist(root=str(root)).load()
    assert data.shape == (1, 28, 28)
    assert (data.shape, len(data.classes)) == Mnist.known
    assert data.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert data.test.labels.tolist() == [0, 1, 2, 3, 4]
    first = np.random.default_rng(0).integers(0, 256, (12, 28, 28))[0]
    assert torch.equal(data.train.images[0, 0], torch.from_numpy(first.astype(np.uint8)))
    assert data.train.images.is_contiguous(memory_format=torch.channels_last)
    assert (data.maximum, data.mean, data.std) == (255, (0.0,), (1.0,))
    assert data.classes == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def test_where_the_files_lie_is_not_part_of_a_runs_identity():
    assert describe(Mnist("here"), identity=True) == describe(Mnist("there", download=True), identity=True)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_says_where_it_should_be_and_how_to_get_it(root, file, monkeypatch):
    path = root / "MNIST" / "raw" / file
    path.unlink()
    monkeypatch.chdir(root)
    message = refusal(Mnist(root="."))
    assert message.startswith("dataset.root: ")
    assert str(path) in message
    assert "dataset.download=true" in message


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[:-1], id="cut short"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: b"\xff" * len(content), id="not this format"),
        pytest.param(lambda content: content[:7] + b"\x04" + content[8:-1], id="one label fewer"),
        pytest.param(lambda content: content[:-1] + b"\x0a", id="a label out of range"),
    ],
)
def test_a_broken_file_names_its_folder(root, damage):
    path = root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    message = refusal(Mnist(root=str(root)))
    assert message.startswith(f"dataset.root: the files of MNIST in {path.parent} are broken (")


def test_a_download_that_fails(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", refuse)
    message = refusal(Mnist(root=str(tmp_path), download=True))
    assert message.startswith(f"dataset.download: could not fetch MNIST into {tmp_path}/MNIST/raw: ")
    assert "no route to host" in message


def test_a_download_takes_only_what_is_missing(root, monkeypatch):
    raw = root / "MNIST" / "raw"
    archive = raw / "train-images-idx3-ubyte.gz"
    archive.write_bytes(gzip.compress((raw / "train-images-idx3-ubyte").read_bytes()))
    (raw / "train-images-idx3-ubyte").unlink()
    resources = [(f"{file}.gz", None) for file in FILES]
    for file in FILES[1:]:
        (raw / f"{file}.gz").write_bytes(gzip.compress((raw / file).read_bytes()))
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    assert len(Mnist(root=str(root), download=True).load().train) == 12


@pytest.mark.skipif("HYPO_TEST_DATA" not in os.environ, reason="HYPO_TEST_DATA names no folder with MNIST/raw")
def test_the_real_mnist():
    data = Mnist(root=os.environ["HYPO_TEST_DATA"]).load()
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert data.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # The well-known mean of the training images.
    assert data.train.images.double().mean().item() / 255 == pytest.approx(0.1307, abs=5e-5)
