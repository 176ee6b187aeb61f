"""The cache of a decoded image folder: built once, rebuilt when the files change, never half of one."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from folder_of_images import add, pixels, refusal, remove, rename, replace, touch
from PIL import Image

from hypo.datasets import image_cache
from hypo.datasets.image_folder import ImageFolder
from hypo.settings.errors import InputError


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
