"""Tiny-ImageNet in the layout of its zip, with what is missing named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hypo.datasets.tiny_imagenet import FOLDER, TinyImagenet
from hypo.settings.errors import InputError

IDS = ("n02", "n01")  # as in wnids.txt: in no order


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of two training images, three validation images; some of them grey."""
    folder = tmp_path / FOLDER

    def save(path: Path, shade: int, grey: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((64, 64) if grey else (64, 64, 3), shade, np.uint8)
        Image.fromarray(pixels).save(path, quality=100)

    for number, name in enumerate(IDS):
        for image in range(2):
            file = folder / "train" / name / "images" / f"{name}_{image}.JPEG"
            save(file, 100 * number + 10 * image, grey=image == 1)
    lines = []
    for image, name in enumerate(("n01", "n02", "n01")):
        save(folder / "val" / "images" / f"val_{image}.JPEG", 200 + image)
        lines.append(f"val_{image}.JPEG\t{name}\t0\t0\t63\t63\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "wnids.txt").write_text("".join(f"{name}\n" for name in IDS))
    (folder / "words.txt").write_text("n01\tgoldfish, Carassius auratus\nn99\tnothing\n")
    return tmp_path


def refusal(root: Path) -> str:
    with pytest.raises(InputError) as caught:
        TinyImagenet(str(root)).load()
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(root), "root")


def test_official_layout(root: Path) -> None:
    data = TinyImagenet(str(root)).load()
    assert data.shape == (3, 64, 64) == TinyImagenet.known[0]
    assert data.classes == ("goldfish", "n02")
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.train.images[:, 1, 5, 5].tolist() == [100, 110, 0, 10]
    assert data.test.labels.tolist() == [0, 1, 0]
    assert data.test.images[:, 0, 0, 0].tolist() == [200, 201, 202]
    assert data.mean == (0.4802, 0.4481, 0.3975)
    assert data.std == (0.2770, 0.2691, 0.2821)


def test_where_all_images_are_grey_they_have_three_channels_all_the_same(root: Path) -> None:
    for file in (root / FOLDER).rglob("*.JPEG"):
        Image.fromarray(np.full((64, 64), 7, np.uint8)).save(file)
    assert TinyImagenet(str(root)).load().shape == (3, 64, 64)


@pytest.mark.parametrize("lost", ["wnids.txt", "val/val_annotations.txt"])
def test_a_folder_without_its_lists_is_told_which(root: Path, lost: str) -> None:
    (root / FOLDER / lost).unlink()
    message = refusal(root)
    assert message.startswith(f"dataset.root: takes the folder of {FOLDER}, but root/{FOLDER}/{lost} (")
    assert message.endswith("cannot be read: No such file or directory")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"root/{FOLDER}/wnids.txt" in refusal(tmp_path)


def test_an_annotation_of_an_unknown_class_is_named_with_its_line(root: Path) -> None:
    with (root / FOLDER / "val" / "val_annotations.txt").open("a") as file:
        file.write("val_3.JPEG\tn77\t0\t0\t1\t1\n")
    expected = "takes 'file<tab>WordNet id', got 'val_3.JPEG\\tn77\\t0\\t0\\t1\\t1'"
    assert refusal(root) == f"dataset.root: root/{FOLDER}/val/val_annotations.txt, line 4: {expected}"


def test_an_empty_list_is_named(root: Path) -> None:
    (root / FOLDER / "val" / "val_annotations.txt").write_text("\n")
    assert refusal(root).endswith("but it is empty")


def test_images_that_are_missing_are_named(root: Path) -> None:
    (root / FOLDER / "val" / "images" / "val_1.JPEG").unlink()
    assert "val/images/val_1.JPEG" in refusal(root)
    for file in (root / FOLDER / "train" / "n01" / "images").iterdir():
        file.unlink()
    assert f"root/{FOLDER}/train/n01/images/*.JPEG" in refusal(root)
