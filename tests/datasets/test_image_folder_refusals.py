"""What an image folder cannot be: one line that names the place and the remedy."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from folder_of_images import pixels, refusal, save

from hypo.datasets.image_folder import ImageFolder
from hypo.settings.errors import InputError


def test_no_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refusal(ImageFolder("nowhere"))
    assert message == (
        f"dataset.root: takes a folder of images laid out as train/class/file, but there is no {tmp_path}/nowhere"
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_no_split(root, split):
    shutil.rmtree(root / split)
    message = refusal(ImageFolder(str(root)))
    assert (
        message == f"dataset.{split}: takes the name of a folder in dataset.root, but there is no {root / split}"
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_empty_split(root, split):
    shutil.rmtree(root / split)
    (root / split / "cat").mkdir(parents=True)
    assert f"{root / split} is empty" in refusal(ImageFolder(str(root)))


def test_empty_training_class(root):
    (root / "train" / "cow").mkdir()
    assert f"the class folder {root}/train/cow is empty" in refusal(ImageFolder(str(root)))


def test_a_test_class_without_images_is_no_harm(root):
    (root / "test/cat/e.png").unlink()
    assert ImageFolder(str(root)).load().test.labels.tolist() == [1]


def test_unknown_test_class(root):
    save(root / "test/cow/g.png", pixels(0))
    assert f"the test class {root}/test/cow is unknown to {root}/train" in refusal(ImageFolder(str(root)))


def test_one_class(root):
    shutil.rmtree(root / "train/dog")
    shutil.rmtree(root / "test/dog")
    assert f"takes two classes or more, but {root}/train has only cat" in refusal(ImageFolder(str(root)))


def test_an_image_outside_of_a_class(root):
    save(root / "train/stray.png", pixels(0))
    assert f"{root}/train/stray.png lies in no class folder" in refusal(ImageFolder(str(root)))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="cut short"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: b"<html>not found</html>", id="a web page"),
        pytest.param(lambda content: content[:20] + b"\xff" * 20 + content[40:], id="overwritten"),
    ],
)
@pytest.mark.parametrize("file", ["train/cat/a.png", "train/dog/d.png"])
def test_a_broken_image_is_named(root, file, damage):
    path = root / file
    path.write_bytes(damage(path.read_bytes()))
    message = refusal(ImageFolder(str(root)))
    assert message.startswith(f"dataset.root: {path} is not an image that can be decoded (")
    assert not (root / ".hypo-cache").exists()


def test_a_dangling_link_is_named(root):
    (root / "train/cat/a.png").unlink()
    (root / "train/cat/a.png").symlink_to(root / "nowhere.png")
    assert f"dataset.root: {root}/train/cat/a.png cannot be read (No such file" in refusal(ImageFolder(str(root)))


def test_more_than_eight_bits(root):
    save(root / "train/cat/a.png", pixels(0, channels=1).astype(np.uint16) * 257)
    message = refusal(ImageFolder(str(root)))
    assert message.startswith("dataset.root: takes images of 8 bits a channel; ")
    assert f"{root}/train/cat/a.png has more (mode I;16" in message


def test_sizes_that_differ(root):
    save(root / "train/dog/d.png", pixels(0, height=5, width=7))
    save(root / "test/dog/f.png", pixels(0, height=8, width=8))
    message = refusal(ImageFolder(str(root)))
    assert message.startswith("dataset.size: ")
    assert "dataset.size=32" in message
    assert f"{root}/train/dog/d.png is 5x7, {root}/train/cat/a.png is 6x6" in message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "dataset.size: takes a whole number >= 1, got 0"),
        ({"size": 2.5}, "dataset.size: takes a whole number >= 1, got 2.5"),
        ({"size": 2, "fit": "stretch"}, "dataset.fit: takes one of squash, crop, got 'stretch'"),
        ({"fit": "crop"}, "dataset.fit: takes crop where dataset.size is given, got it without"),
        ({"std": [0.5, 0.0, 0.5]}, "dataset.std: takes a number > 0 .*, got 0.0"),
        ({"mean": [float("nan")] * 3}, "dataset.mean: takes a number .*, got nan"),
        ({"mean": ["grey"]}, "dataset.mean: takes a number .*, got 'grey'"),
    ],
)
def test_numbers_are_checked_at_once(settings, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        ImageFolder("anywhere", **settings)


@pytest.mark.parametrize("setting", ["mean", "std"])
@pytest.mark.parametrize("values", [(), (0.5,), (0.5, 0.5, 0.5, 0.5)])
def test_one_number_a_channel(root, setting, values):
    message = refusal(ImageFolder(str(root), **{setting: values}))
    assert message == f"dataset.{setting}: takes one number a channel, here 3, got {list(values)}"
