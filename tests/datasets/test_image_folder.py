from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hypo.datasets import image_cache, image_folder
from hypo.datasets.cifar10 import CLASSES as CIFAR10_CLASSES
from hypo.datasets.image_folder import ImageFolder
from hypo.errors import InputError
from hypo.settings import build, describe

FILES = (
    "train/cat/b.png",
    "train/cat/a.png",
    "train/dog/deep/er/c.PNG",
    "train/dog/d.png",
    "test/cat/e.png",
    "test/dog/f.png",
)


def pixels(seed: int, height: int = 6, width: int = 6, channels: int = 3) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return values.squeeze(2) if channels == 1 else values


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def root(tmp_path):
    for seed, file in enumerate(FILES):
        save(tmp_path / "images" / file, pixels(seed))
    return tmp_path / "images"


@pytest.fixture
def decodings(monkeypatch):
    """How often the images were decoded: a list that grows by one each time."""
    counted = []
    decode = image_folder.decode

    def counting(*args):
        counted.append(args)
        return decode(*args)

    monkeypatch.setattr(image_folder, "decode", counting)
    return counted


def refusal(dataset: ImageFolder) -> str:
    with pytest.raises(InputError) as caught:
        dataset.load()
    message = str(caught.value)
    assert "\n" not in message
    return message


# What it loads


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


# The cache


def test_a_damaged_cache_is_named(root):
    first = ImageFolder(str(root))
    first.load()
    (cache,) = (root / ".hypo-cache").glob("*.npz")
    content = bytearray(cache.read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    cache.write_bytes(bytes(content))
    for read in (first.load, first.fingerprint):
        with pytest.raises(InputError, match="is damaged") as error:
            read()
        assert str(cache) in str(error.value)
        assert "\n" not in str(error.value)


def test_decoded_once(root, decodings):
    first = ImageFolder(str(root)).load()
    second = ImageFolder(str(root)).load()
    assert len(decodings) == 1
    assert torch.equal(first.train.images, second.train.images)
    assert torch.equal(first.test.labels, second.test.labels)
    assert (first.classes, first.mean, first.std) == (second.classes, second.mean, second.std)
    ImageFolder(str(root)).fingerprint()
    assert len(decodings) == 1


def add(root):
    save(root / "train/cat/new.png", pixels(9))


def remove(root):
    (root / "train/cat/a.png").unlink()


def rename(root):
    (root / "train/cat/a.png").rename(root / "train/cat/z.png")


def replace(root):
    save(root / "train/cat/a.png", pixels(9, 6, 6) // 64)


def touch(root):
    status = (root / "train/cat/a.png").stat()
    os.utime(root / "train/cat/a.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1))


@pytest.mark.parametrize("change", [add, remove, rename, replace, touch])
def test_a_change_of_the_files_is_seen(root, decodings, change):
    ImageFolder(str(root)).load()
    change(root)
    ImageFolder(str(root)).load()
    assert len(decodings) == 2


def test_another_size_is_another_cache_file(root, decodings):
    for size in (None, 4, None, 4):
        ImageFolder(str(root), size=size).load()
    assert len(decodings) == 2
    assert len(list((root / ".hypo-cache").iterdir())) == 2


def test_a_cache_file_cut_short_is_built_again(root, decodings):
    expected = ImageFolder(str(root)).load()
    (file,) = (root / ".hypo-cache").iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    assert torch.equal(ImageFolder(str(root)).load().train.images, expected.train.images)
    assert len(decodings) == 2


def test_an_unfinished_cache_file_leaves_nothing_behind(root, monkeypatch):
    def fill_the_disk(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_cache.np, "savez", fill_the_disk)
    cache = root.parent / "cache"
    message = refusal(ImageFolder(str(root), cache=str(cache)))
    assert message.startswith("dataset.cache: ")
    assert f"{cache}: No space left on device" in message
    assert list(cache.iterdir()) == []


def test_cache_lies_where_it_is_told_to(root):
    cache = root.parent / "elsewhere" / "cache"
    ImageFolder(str(root), cache=str(cache)).load()
    assert len(list(cache.iterdir())) == 1
    assert not (root / ".hypo-cache").exists()


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_a_data_folder_that_cannot_be_written_falls_back_to_the_users_cache(
    root, decodings, monkeypatch, variable
):
    # A file where the cache's folder would be stands for a read-only folder: it refuses root as well.
    (root / ".hypo-cache").write_text("in the way")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(variable, str(root.parent / "user"))
    ImageFolder(str(root)).load()
    ImageFolder(str(root)).load()
    folder = "user/hypo" if variable == "XDG_CACHE_HOME" else "user/.cache/hypo"
    assert len(list((root.parent / folder).iterdir())) == 1
    assert len(decodings) == 1


def test_two_folders_alike_share_no_cache_file(root):
    """Files of the same name, size and time may still differ when they were unpacked from archives."""
    other = root.parent / "other"
    shutil.copytree(root, other)
    Image.fromarray(pixels(1)).save(root / "train/cat/a.png", compress_level=0)
    Image.fromarray(pixels(9)).save(other / "train/cat/a.png", compress_level=0)
    for folder in (root, other):
        os.utime(folder / "train/cat/a.png", ns=(0, 0))
    cache = str(root.parent / "cache")
    ours, theirs = (ImageFolder(str(folder), cache=cache).load() for folder in (root, other))
    assert not torch.equal(ours.train.images, theirs.train.images)


def test_what_is_moved_into_place_is_whole(root, monkeypatch):
    moved, replace_file = [], os.replace

    def checked(source, target):
        moved.append((zipfile.is_zipfile(source), Path(target).exists()))
        replace_file(source, target)

    monkeypatch.setattr(image_cache.os, "replace", checked)
    ImageFolder(str(root)).load()
    assert moved == [(True, False)]


def test_two_that_write_the_same_cache_file_at_once(root, decodings, monkeypatch):
    """The second begins when the first has opened its file, and is done before the first has written any."""
    savez, seconds = np.savez, []

    def interrupted(file, **arrays):
        if len(decodings) == 1:
            seconds.append(ImageFolder(str(root)).load())
        savez(file, **arrays)

    monkeypatch.setattr(image_cache.np, "savez", interrupted)
    first = ImageFolder(str(root)).load()
    assert len(decodings) == 2
    assert torch.equal(first.train.images, seconds[0].train.images)
    assert len(list((root / ".hypo-cache").iterdir())) == 1
    assert torch.equal(ImageFolder(str(root)).load().train.images, first.train.images)
    assert len(decodings) == 2


# Its fingerprint


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


# What it refuses


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


# The real thing


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
