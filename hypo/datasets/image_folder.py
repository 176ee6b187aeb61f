"""A folder of one's own images in the usual split/class/file layout, decoded once and cached."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from hypo.datasets import decoded
from hypo.datasets.image_files import FITS, decode, list_classes
from hypo.datasets.images import ImageData
from hypo.settings import checks
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class ImageFolder:
    """Images in `root/<split>/<class>/<file>`; the labels are the places of the sorted class names.

    Where there are no splits, but the images lie in `root/<class>/<file>`, all of them are to be tested on.

    Images stay grey when all of them are, else they become RGB. They are decoded when they are first asked
    for; a cache file then serves until a file is added, removed or changed (in size or modification time).

    Attributes:
        root: the folder that holds the two splits; not part of a run's identity, `fingerprint` is.
        train, test: the names of the two splits' folders.
        size: height and width that every image is brought to, in pixels; None when they all are of one size.
        mean, std: what to normalise by, one number a channel in units of [0, 1]; None measures them on the
            training images, and where there are none leaves images as they are.
        cache: the folder for cache files; None takes `<root>/.hypo-cache` or, where that cannot be written,
            the user's own cache folder. Cache files may be deleted at any time.
        fit: how they are brought to `size`, "squash" all of each image, or "crop" the centre out of it after its
            shorter side is brought to 8/7 of `size`, as ImageNet is prepared.

    Raises:
        InputError: for a size below 1, a fit that is none or lacks a size, a std that is not above 0, or a mean
            and std that are no numbers.
    """

    root: str = field(metadata={"identity": False})
    train: str = "train"
    test: str = "test"
    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    cache: str | None = field(default=None, metadata={"identity": False})
    fit: Literal["squash", "crop"] = field(default="squash", metadata={"implied": "squash"})

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checks.absolute(self.root))
        if self.cache is not None:
            object.__setattr__(self, "cache", checks.absolute(self.cache))
        if self.size is not None:
            object.__setattr__(self, "size", checks.integer("dataset.size", self.size, at_least=1))
        if checks.choice("dataset.fit", self.fit, FITS) != "squash" and self.size is None:
            raise InputError(f"dataset.fit: takes {self.fit} where dataset.size is given, got it without")
        object.__setattr__(self, "mean", decoded.normalisation("dataset.mean", self.mean, above=None))
        object.__setattr__(self, "std", decoded.normalisation("dataset.std", self.std, above=0))

    def load(self) -> ImageData:
        """The two splits; InputError, naming the file or folder, when something about them is wrong."""
        return decoded.load(self._archive(), self.mean, self.std)

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal digits, of the decoded images, their labels and the class names."""
        return decoded.fingerprint(self._archive())

    def _archive(self) -> Path:
        """The cache file, built if need be."""
        root = Path(self.root)
        whole = _classes_alone(root, self.train, self.test)
        train, test = _list_splits(root, self.train, self.test) if whole is None else ({}, whole)
        files = [file for split in (train, test) for paths in split.values() for file in paths]

        def decode_all() -> decoded.Decoded:
            classes = list(train or test)
            label_of = {name: label for label, name in enumerate(classes)}
            labels = [label_of[name] for split in (train, test) for name, paths in split.items() for _ in paths]
            images = decode(files, self.size, self.fit)
            return decoded.Decoded(images, np.array(labels), sum(map(len, train.values())), classes)

        fitted = [] if self.fit == "squash" else [self.fit]  # cache files from before there was a choice serve
        settings = [self.train, self.test, self.size, *fitted]
        return decoded.archive(files, settings, decoded.cache_folders(self.cache, root), decode_all)


SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval")
"""What folders of splits are called, and those of classes are not."""


def _classes_alone(root: Path, train: str, test: str) -> dict[str, list[str]] | None:
    """The files of each class folder in `root`, which may be empty; None where there are splits, or may be."""
    if not root.is_dir() or not (train and test):
        return None
    names = [entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    if {train, test, *SPLITS} & set(names) or not names:
        return None
    try:
        classes = list_classes(root)
    except InputError:  # images beside the folders, or none at all
        return None
    if any(Path(file).parent.parent != root for files in classes.values() for file in files):
        return None
    if len(classes) < 2:
        raise InputError(f"dataset.root: takes two classes or more, but {root} has only {names[0]}")
    return classes


def _list_splits(root: Path, train: str, test: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The files of each class of each split; InputError when the two are not a data set together."""
    if not root.is_dir():
        raise InputError(
            f"dataset.root: takes a folder of images laid out as {train}/class/file, but there is no {root}"
        )
    if train and test and not (root / train).is_dir() and not (root / test).is_dir():
        raise InputError(
            f"dataset.root: takes {train}/class/file and {test}/class/file, or class/file to test on, but {root}"
            " has neither"
        )
    for key, name in (("dataset.train", train), ("dataset.test", test)):
        if not name:  # would be `root` itself, with the splits for classes
            raise InputError(f"{key}: takes the name of a folder in dataset.root, got ''")
        if not (root / name).is_dir():
            raise InputError(f"{key}: takes the name of a folder in dataset.root, but there is no {root / name}")
    of_train, of_test = list_classes(root / train), list_classes(root / test)
    for name, files in of_train.items():
        if not files:
            raise InputError(f"dataset.root: the class folder {root / train / name} is empty; fill or remove it")
    if len(of_train) < 2:
        raise InputError(
            f"dataset.root: takes two classes or more, but {root / train} has only {next(iter(of_train))}"
        )
    for name in of_test:
        if name not in of_train:
            raise InputError(f"dataset.root: the test class {root / test / name} is unknown to {root / train}")
    return of_train, of_test
