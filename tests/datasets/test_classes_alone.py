"""Image folders without splits, and single parquet files: all of it is tested on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from folder_of_images import pixels, refusal, save
from parquet_files import png, write

from hypo.datasets.image_folder import ImageFolder
from hypo.datasets.parquet import Parquet


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for seed, file in enumerate(("eel/b.png", "eel/a.png", "cat/c.png", "dog/d.png")):
        save(root / file, pixels(seed))
    return root


def test_all_of_it_is_the_test_split_in_the_order_of_the_classes_names(classes: Path) -> None:
    data = ImageFolder(str(classes)).load()
    assert data.classes == ("cat", "dog", "eel")
    assert (len(data.train), data.test.labels.tolist()) == (0, [0, 1, 2, 2])
    assert data.shape == (3, 6, 6)
    for image, seed in zip(data.test.images, (2, 3, 1, 0), strict=True):
        assert torch.equal(image.permute(1, 2, 0), torch.from_numpy(pixels(seed)))


def test_without_training_images_nothing_is_measured_to_normalise_by(classes: Path) -> None:
    data = ImageFolder(str(classes)).load()
    assert (data.mean, data.std) == ((0,) * 3, (1,) * 3)
    given = ImageFolder(str(classes), mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)).load()
    assert (given.mean, given.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_an_empty_class_keeps_its_place(classes: Path) -> None:
    (classes / "cow").mkdir()
    (classes / ".git").mkdir()
    data = ImageFolder(str(classes)).load()
    assert data.classes == ("cat", "cow", "dog", "eel")
    assert data.test.labels.tolist() == [0, 2, 3, 3]


def test_its_identity_is_what_it_holds(classes: Path, tmp_path: Path) -> None:
    before = ImageFolder(str(classes)).fingerprint()
    moved = classes.rename(tmp_path / "moved")
    assert ImageFolder(str(moved)).fingerprint() == before
    (moved / "cat").rename(moved / "zebra")
    assert ImageFolder(str(moved)).fingerprint() != before


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "val",
            "dataset.root: takes train/class/file and test/class/file, or class/file to test on, but {root} has",
        ),
        (
            "training",
            "dataset.root: takes train/class/file and test/class/file, or class/file to test on, but {root}",
        ),
        ("test", "dataset.train: takes the name of a folder in dataset.root, but there is no {root}/train"),
    ],
)
def test_folders_that_are_called_like_splits_are_no_classes(classes: Path, name: str, line: str) -> None:
    (classes / "dog").rename(classes / name)
    assert refusal(ImageFolder(str(classes))).startswith(line.format(root=classes))


def test_splits_of_another_name_are_no_classes(classes: Path) -> None:
    for name in ("one", "other"):
        (classes / name).mkdir()
        for folder in ("cat", "dog", "eel"):
            save(classes / name / folder / "a.png", pixels(9))
    for folder in ("cat", "dog", "eel"):
        for file in (classes / folder).iterdir():
            file.unlink()
        (classes / folder).rmdir()
    assert refusal(ImageFolder(str(classes))) == (
        "dataset.root: takes train/class/file and test/class/file, or class/file to test on, but"
        f" {classes} has neither"
    )
    assert len(ImageFolder(str(classes), train="one", test="other").load().train) == 3


def test_one_class_is_too_few(tmp_path: Path) -> None:
    save(tmp_path / "images" / "cat" / "a.png", pixels(0))
    root = tmp_path / "images"
    assert refusal(ImageFolder(str(root))) == (f"dataset.root: takes two classes or more, but {root} has only cat")


def test_a_folder_of_images_alone_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", pixels(0))
    assert "takes train/class/file and test/class/file, or class/file" in refusal(ImageFolder(str(tmp_path)))


def test_a_parquet_file_alone_is_the_test_split(tmp_path: Path) -> None:
    file = tmp_path / "data" / "whatever.parquet"
    write(file, [png(10), png(20), png(30)], [2, 0, 2])
    data = Parquet(str(file)).load()
    assert (len(data.train), data.test.labels.tolist()) == (0, [2, 0, 2])
    assert data.classes == ("0", "1", "2")
    assert data.test.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert (data.mean, data.std) == ((0,) * 3, (1,) * 3)
    assert (tmp_path / "data" / ".hypo-cache").is_dir()
    write(file, [png(10)], [1], names=["cat", "dog", "eel"])
    assert Parquet(str(file)).load().classes == ("cat", "dog", "eel")
