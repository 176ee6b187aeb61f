"""ImageNet in torchvision's layout: what is loaded, what its images are, and what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from imagenet_folder import WNIDS, imagenet, jpeg
from PIL import Image

from hypo.datasets.imagenet import Imagenet
from hypo.settings.components import describe
from hypo.settings.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return imagenet(tmp_path / "imagenet")


def refusal(root: Path) -> str:
    with pytest.raises(InputError) as caught:
        Imagenet(str(root)).load()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_classes_are_the_sorted_wnids_and_val_is_tested_on(root: Path) -> None:
    data = Imagenet(str(root), size=24).load()
    assert data.classes == WNIDS
    assert (data.shape, data.maximum) == ((3, 24, 24), 255)
    assert data.train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.test.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert data.test.images.shape == (9, 3, 24, 24)
    assert (data.mean, data.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize("size", [224, 30])
@pytest.mark.parametrize(("height", "width"), [(40, 57), (61, 40), (48, 48), (300, 271)])
def test_images_are_those_of_torchvision(tmp_path: Path, size: int, height: int, width: int) -> None:
    """Its transform for evaluation: the shorter side to 256 for 224, and the centre of it."""
    from torchvision import transforms

    root = imagenet(tmp_path, train=0, val=1, height=height, width=width)
    expected = transforms.Compose([transforms.Resize(round(size * 8 / 7)), transforms.CenterCrop(size)])
    found = Imagenet(str(root), size=size).load().test.images[0]
    with Image.open(root / "val" / WNIDS[0] / f"val_{WNIDS[0]}_0.JPEG") as image:
        assert np.array_equal(found.permute(1, 2, 0).numpy(), np.asarray(expected(image)))


def test_the_shorter_side_can_be_another(tmp_path: Path) -> None:
    root = imagenet(tmp_path, train=0, val=1)
    wide, narrow = (Imagenet(str(root), 20, resize).load().test.images[0] for resize in (40, 20))
    with Image.open(root / "val" / WNIDS[0] / f"val_{WNIDS[0]}_0.JPEG") as image:
        assert np.array_equal(wide.permute(1, 2, 0).numpy(), np.asarray(image)[10:30, 18:38])
    assert not torch.equal(wide, narrow)


def test_a_grey_image_among_them_is_three_equal_channels(root: Path) -> None:
    jpeg(root / "val" / WNIDS[0] / "a.JPEG", 3, channels=1)
    grey = Imagenet(str(root), 16).load().test.images[0]
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[0], grey[2])


def test_without_training_images_there_is_an_empty_split(root: Path) -> None:
    shutil.rmtree(root / "train")
    data = Imagenet(str(root), 16).load()
    assert (len(data.train), len(data.test), data.shape) == (0, 9, (3, 16, 16))


# What the classes are called


def test_names_from_torchvisions_meta(root: Path) -> None:
    names = {WNIDS[0]: ("tench", "Tinca tinca"), WNIDS[1]: ("goldfish",), WNIDS[2]: ("English springer",)}
    torch.save((names, ["n01440764"]), root / "meta.bin")
    assert Imagenet(str(root)).load().classes == ("tench", "goldfish", "English springer")


def test_names_from_a_list_and_those_that_two_have(root: Path) -> None:
    lines = [f"{WNIDS[0]} crane, a bird", f"{WNIDS[1]}\tgoldfish", f"{WNIDS[2]} crane"]
    (root / "LOC_synset_mapping.txt").write_text("\n".join(lines) + "\n")
    assert Imagenet(str(root)).load().classes == (f"crane ({WNIDS[0]})", "goldfish", f"crane ({WNIDS[2]})")


@pytest.mark.parametrize(
    ("name", "content"),
    [("meta.bin", b"not of torch"), ("LOC_synset_mapping.txt", b"\xff\xfe"), ("LOC_synset_mapping.txt", b"one\n")],
)
def test_names_that_cannot_be_read(root: Path, name: str, content: bytes) -> None:
    (root / name).write_bytes(content)
    assert refusal(root).startswith(f"dataset.root: {root / name} has no names of classes that can be read (")


# A folder without one of its parts


def test_no_folder_at_all(tmp_path: Path) -> None:
    expected = f"val/<wnid>/*.JPEG, but there is no {tmp_path / 'none'}"
    assert refusal(tmp_path / "none") == f"dataset.root: takes a folder with ImageNet, laid out as {expected}"


def test_no_validation_images(root: Path) -> None:
    shutil.rmtree(root / "val")
    expected = f"takes ImageNet with its validation images, but there is no {root / 'val'}"
    assert refusal(root) == f"dataset.root: {expected}"


def test_validation_images_that_lie_in_no_class_folder(root: Path) -> None:
    shutil.rmtree(root / "val")
    jpeg(root / "val" / "ILSVRC2012_val_00000001.JPEG", 0)
    assert refusal(root) == (
        "dataset.root: takes ImageNet with a folder val/<wnid> for each class, but the images lie in"
        f" {root / 'val'} itself; torchvision.datasets.ImageNet(root, 'val') unpacks the archive into folders"
    )


@pytest.mark.parametrize(("lost", "left"), [("train", "val"), ("val", "train")])
def test_a_class_that_only_one_split_has(root: Path, lost: str, left: str) -> None:
    shutil.rmtree(root / lost / WNIDS[1])
    expected = f"takes the same classes in train and val, but there is no {root / lost / WNIDS[1]}"
    assert refusal(root) == f"dataset.root: {expected}"
    assert (root / left / WNIDS[1]).exists()


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_class_without_images(root: Path, split: str) -> None:
    for file in (root / split / WNIDS[2]).iterdir():
        file.unlink()
    assert refusal(root) == f"dataset.root: {root / split / WNIDS[2]} holds no images; fill or remove it"


def test_an_image_that_is_broken_is_named_when_it_is_needed(root: Path) -> None:
    broken = root / "val" / WNIDS[0] / f"val_{WNIDS[0]}_0.JPEG"
    broken.write_bytes(broken.read_bytes()[:200])
    images = Imagenet(str(root), 16).load().test.images
    assert len(images[1:]) == 8
    with pytest.raises(InputError, match=rf"^dataset.root: {broken} is not an image that can be decoded \(.*\)$"):
        images[:]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"size": 0}, "dataset.size: takes a whole number >= 1, got 0"),
        ({"size": 64, "resize": 32}, "dataset.resize: takes a whole number >= 64, got 32"),
    ],
)
def test_sizes_that_cut_nothing_out(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Imagenet("anywhere", **sizes)
    assert str(caught.value) == message


# Its identity


def test_the_fingerprint_follows_the_contents_not_the_place(root: Path) -> None:
    fingerprint = Imagenet(str(root)).fingerprint()
    file = root / "val" / WNIDS[0] / f"val_{WNIDS[0]}_0.JPEG"
    os.utime(file, (1, 1))
    moved = root.rename(root.parent / "moved")
    assert Imagenet(str(moved)).fingerprint() == fingerprint
    identity = describe(Imagenet(str(moved), size=64), identity=True)
    expected = {"_target_": "Imagenet", "size": 64, "resize": None, "fingerprint": fingerprint}
    assert identity == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda root: jpeg(root / "val" / WNIDS[0] / f"val_{WNIDS[0]}_0.JPEG", 77),
        lambda root: (root / "val" / WNIDS[0] / f"val_{WNIDS[0]}_0.JPEG").unlink(),
        lambda root: jpeg(root / "train" / WNIDS[0] / "more.JPEG", 0),
        lambda root: shutil.rmtree(root / "train"),
        lambda root: (root / "val" / WNIDS[0] / f"val_{WNIDS[0]}_0.JPEG").rename(
            root / "val" / WNIDS[1] / "0.JPEG"
        ),
        lambda root: [(root / split / WNIDS[0]).rename(root / split / "n9") for split in ("train", "val")],
    ],
    ids=["pixels", "fewer", "more", "no training images", "labels", "classes"],
)
def test_the_fingerprint_changes_with(root: Path, change: object) -> None:
    fingerprint = Imagenet(str(root)).fingerprint()
    change(root)  # type: ignore[operator]
    assert Imagenet(str(root)).fingerprint() != fingerprint
