"""The fingerprint of an image folder, which is part of a run's identity."""

from __future__ import annotations

import pytest
from folder_of_images import remove, replace, touch

from hypo.datasets.image_folder import ImageFolder
from hypo.settings.components import describe


def test_the_fingerprint_follows_the_contents_not_the_place(root):
    fingerprint = ImageFolder(str(root)).fingerprint()
    assert len(fingerprint) == 64
    touch(root)
    root.rename(root.parent / "moved")
    root = root.parent / "moved"
    assert ImageFolder(str(root)).fingerprint() == fingerprint
    identity = describe(ImageFolder(str(root), cache=str(root.parent / "cache")), identity=True)
    assert identity["fingerprint"] == fingerprint
    assert not {"root", "cache"} & set(identity)


@pytest.mark.parametrize(
    "change",
    [
        replace,
        remove,
        lambda root: (root / "train/cat/a.png").rename(root / "train/dog/a.png"),
        lambda root: [(root / split / "cat").rename(root / split / "cow") for split in ("train", "test")],
        lambda root: (root / "test/cat/e.png").rename(root / "train/dog/zz.png"),
    ],
    ids=["pixels", "fewer", "labels", "class names", "split"],
)
def test_the_fingerprint_changes_with(root, change):
    fingerprint = ImageFolder(str(root)).fingerprint()
    change(root)
    assert ImageFolder(str(root)).fingerprint() != fingerprint


def test_the_fingerprint_tells_the_splits_apart(root):
    """The same images in the same order with the same labels, one more of them in the training split."""
    (root / "test/cat/e.png").rename(root / "test/dog/e.png")
    fingerprint = ImageFolder(str(root)).fingerprint()
    (root / "test/dog/e.png").rename(root / "train/dog/zz.png")
    assert ImageFolder(str(root)).fingerprint() != fingerprint
