"""What an image folder loads: classes, order, pixels, sizes, means."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from folder_of_images import FILES, pixels, save
from PIL import Image
from torchvision import transforms

from hypo.datasets.cifar10 import CLASSES as CIFAR10_CLASSES
from hypo.datasets.image_folder import ImageFolder
from hypo.settings.components import build


def test_sorted_classes_sorted_files_and_exact_pixels(root):
    data = ImageFolder(str(root)).load()
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.test.labels.tolist() == [0, 1]
    assert data.maximum == 255
    for image, seed in zip(data.train.images, (1, 0, 3, 2), strict=True):
        assert torch.equal(image.permute(1, 2, 0), torch.from_numpy(pixels(seed)))
    for image, seed in zip(data.test.images, (4, 5), strict=True):
        assert torch.equal(image.permute(1, 2, 0), torch.from_numpy(pixels(seed)))


@pytest.mark.parametrize("when", ["first", "from the cache"])
def test_images_lie_channels_last(root, when):
    data = ImageFolder(str(root)).load()
    if when == "from the cache":
        data = ImageFolder(str(root)).load()
    assert data.train.images.is_contiguous(memory_format=torch.channels_last)
    assert data.test.images.is_contiguous(memory_format=torch.channels_last)


def test_other_files_and_hidden_ones_are_passed_over(root):
    expected = ImageFolder(str(root)).fingerprint()
    (root / "train" / "notes.txt").write_text("not an image")
    (root / "train" / "cat" / "labels.csv").write_text("not an image")
    (root / "train" / "cat" / "._a.png").write_text("what macOS leaves behind")
    (root / "train" / ".checkpoints").mkdir()
    assert ImageFolder(str(root)).fingerprint() == expected


@pytest.mark.parametrize(("coloured", "seed"), [("train/cat/a.png", 1), ("test/dog/f.png", 5)])
def test_grey_only_when_all_are_grey(root, coloured, seed):
    for index, file in enumerate(FILES):
        save(root / file, pixels(index, channels=1))
    data = ImageFolder(str(root)).load()
    assert data.shape == (1, 6, 6)
    assert torch.equal(data.train.images[1, 0], torch.from_numpy(pixels(0, channels=1)))
    assert data.train.images.is_contiguous(memory_format=torch.channels_last)

    save(root / coloured, pixels(seed))
    data = ImageFolder(str(root)).load()
    assert data.shape == (3, 6, 6)
    for channel in range(3):
        assert torch.equal(data.train.images[1, channel], torch.from_numpy(pixels(0, channels=1)))
    image = data.train.images[0] if seed == 1 else data.test.images[1]
    assert torch.equal(image.permute(1, 2, 0), torch.from_numpy(pixels(seed)))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "1", "P", "P with transparency"])
def test_other_modes_become_rgb(root, mode):
    image = Image.fromarray(pixels(0))
    options = {}
    if mode.startswith("P"):
        image = image.quantize(4)
        options = {"transparency": bytes([0, 128, 255])} if mode != "P" else {}
    else:
        image = image.convert(mode)
    image.save(root / "train/cat/a.png", **options)
    data = ImageFolder(str(root)).load()
    expected = np.asarray(image.convert("RGB"))
    assert torch.equal(data.train.images[0].permute(1, 2, 0), torch.from_numpy(expected.copy()))


def test_size_resizes_to_a_square(root):
    save(root / "train/cat/a.png", pixels(1, height=9, width=5))
    data = ImageFolder(str(root), size=4).load()
    assert data.shape == (3, 4, 4)
    expected = np.asarray(Image.fromarray(pixels(1, height=9, width=5)).resize((4, 4), Image.Resampling.BILINEAR))
    assert torch.equal(data.train.images[0].permute(1, 2, 0), torch.from_numpy(expected.copy()))


def test_a_crop_is_what_torchvision_prepares_and_no_squashed_image(root):
    save(root / "train/cat/a.png", pixels(1, height=40, width=23))
    data = ImageFolder(str(root), size=14, fit="crop").load()
    prepared = transforms.Compose([transforms.Resize(16), transforms.CenterCrop(14), transforms.PILToTensor()])
    assert torch.equal(data.train.images[0], prepared(Image.fromarray(pixels(1, height=40, width=23))))
    squashed = ImageFolder(str(root), size=14).load()  # from a cache file of its own
    assert not torch.equal(data.train.images[0], squashed.train.images[0])


def test_images_need_not_be_square(root):
    for seed, file in enumerate(FILES):
        save(root / file, pixels(seed, height=4, width=7))
    assert ImageFolder(str(root)).load().shape == (3, 4, 7)


def test_mean_and_std_are_those_of_the_training_images(root):
    data = ImageFolder(str(root)).load()
    train = np.stack([pixels(seed) for seed in range(4)]) / 255
    assert data.mean == pytest.approx(train.mean(axis=(0, 1, 2)))
    assert data.std == pytest.approx(train.std(axis=(0, 1, 2)))


def test_more_images_than_are_worked_on_at_once(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (600, 2, 2, 3), dtype=np.uint8)
    for index, image in enumerate(values):
        split = "train" if index < 580 else "test"
        save(tmp_path / split / ("cat" if index % 2 else "dog") / f"{index:03}.ppm", image)
    data = ImageFolder(str(tmp_path)).load()
    expected = np.concatenate([values[1:580:2], values[0:580:2]])
    assert torch.equal(data.train.images.permute(0, 2, 3, 1), torch.from_numpy(expected))
    assert data.mean == pytest.approx(expected.mean(axis=(0, 1, 2)) / 255)
    assert data.std == pytest.approx(expected.std(axis=(0, 1, 2)) / 255)


def test_a_constant_channel_keeps_its_scale(root):
    for seed, file in enumerate(FILES):
        values = pixels(seed)
        values[..., 1] = 77
        save(root / file, values)
    data = ImageFolder(str(root)).load()
    assert data.mean[1] == pytest.approx(77 / 255)
    assert data.std[1] == 1.0


def test_mean_and_std_as_given(root):
    settings = {"root": str(root), "mean": [0.1, 0.2, 0.3], "std": ["1/2", 1, 2]}
    dataset = build(settings, "dataset", ImageFolder)
    assert (dataset.mean, dataset.std) == ((0.1, 0.2, 0.3), (0.5, 1.0, 2.0))
    data = dataset.load()
    assert (data.mean, data.std) == (dataset.mean, dataset.std)
    assert ImageFolder(str(root), mean=[0.1, 0.2, 0.3], std=[0.5, 1, 2]) == dataset
    assert hash(ImageFolder(str(root), mean=[0.1, 0.2, 0.3])) is not None


def test_other_split_names_and_a_home_folder(root, monkeypatch):
    (root / "test").rename(root / "val")
    monkeypatch.setenv("HOME", str(root.parent))
    assert len(ImageFolder("~/images", test="val").load().test) == 2


@pytest.mark.skipif(
    "HYPO_TEST_DATA" not in os.environ, reason="HYPO_TEST_DATA names no folder with cifar10-jpeg.zip"
)
def test_a_part_of_the_real_cifar10(tmp_path):
    with zipfile.ZipFile(Path(os.environ["HYPO_TEST_DATA"]) / "cifar10-jpeg.zip") as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.endswith("00.jpg")])
    data = ImageFolder(str(tmp_path)).load()
    assert data.shape == (3, 32, 32)
    assert data.classes == CIFAR10_CLASSES
    assert data.train.labels.bincount().tolist() == [50] * 10
    assert data.test.labels.bincount().tolist() == [10] * 10
    # 500 images already come near the published mean and std of the whole.
    assert data.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=0.03)
    assert data.std == pytest.approx((0.2471, 0.2435, 0.2616), abs=0.03)
