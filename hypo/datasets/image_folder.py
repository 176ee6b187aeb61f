"""A folder of one's own images in the usual split/class/file layout, decoded once and cached."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hypo import checks
from hypo.datasets.image_cache import find_or_build, user_cache
from hypo.datasets.image_files import decode, list_classes
from hypo.datasets.images import ImageData, split_from_rows
from hypo.errors import InputError

CACHE_FORMAT = 1
"""Version of what a cache file holds; part of its key, so that another version builds its own."""


@dataclass(frozen=True)
class ImageFolder:
    """Images in `root/<split>/<class>/<file>`; the labels are the places of the sorted class names.

    Images stay grey when all of them are, else they become RGB. They are decoded when they are first asked
    for; a cache file then serves until a file is added, removed or changed (in size or modification time).

    Attributes:
        root: the folder that holds the two splits; not part of a run's identity, `fingerprint` is.
        train, test: the names of the two splits' folders.
        size: height and width to resize every image to, in pixels; None when they all are of one size.
        mean, std: what to normalise by, one number a channel in units of [0, 1]; None measures them on the
            training images.
        cache: the folder for cache files; None takes `<root>/.hypo-cache` or, where that cannot be written,
            the user's own cache folder. Cache files may be deleted at any time.

    Raises:
        InputError: for a size below 1, a std that is not above 0, or a mean and std that are no numbers.
    """

    root: str = field(metadata={"identity": False})
    train: str = "train"
    test: str = "test"
    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    cache: str | None = field(default=None, metadata={"identity": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checks.absolute(self.root))
        if self.cache is not None:
            object.__setattr__(self, "cache", checks.absolute(self.cache))
        if self.size is not None:
            object.__setattr__(self, "size", checks.integer("dataset.size", self.size, at_least=1))
        if self.mean is not None:
            mean = tuple(checks.number("dataset.mean", value) for value in self.mean)
            object.__setattr__(self, "mean", mean)
        if self.std is not None:
            std = tuple(checks.number("dataset.std", value, above=0) for value in self.std)
            object.__setattr__(self, "std", std)

    def load(self) -> ImageData:
        """The two splits; InputError, naming the file or folder, when something about them is wrong."""
        path = self._archive()
        try:
            with np.load(path, allow_pickle=False) as archive:
                images, labels, train = archive["images"], archive["labels"], int(archive["train"])
                classes = tuple(archive["classes"].tolist())
                mean, std = tuple(archive["mean"].tolist()), tuple(archive["std"].tolist())
        except Exception as error:  # zip, zlib and numpy each have their own for a damaged file
            reason = " ".join(f"{type(error).__name__} {error}".split())
            raise InputError(
                f"dataset.cache: {path} is damaged ({reason}); delete it and repeat the command"
            ) from error
        for key, given in (("dataset.mean", self.mean), ("dataset.std", self.std)):
            if given is not None and len(given) != images.shape[-1]:
                raise InputError(f"{key}: takes one number a channel, here {images.shape[-1]}, got {list(given)}")
        return ImageData(
            train=split_from_rows(images[:train], labels[:train]),
            test=split_from_rows(images[train:], labels[train:]),
            classes=classes,
            maximum=255,
            mean=self.mean or mean,
            std=self.std or std,
        )

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal digits, of the decoded images, their labels and the class names."""
        path = self._archive()
        try:
            with np.load(path, allow_pickle=False) as archive:
                return str(archive["fingerprint"])
        except Exception as error:
            raise InputError(f"dataset.cache: {path} is damaged; delete it and repeat the command") from error

    def _archive(self) -> Path:
        """The cache file, built if need be."""
        root = Path(self.root)
        train, test = _list_splits(root, self.train, self.test)
        files = [file for split in (train, test) for paths in split.values() for file in paths]
        settings = json.dumps([CACHE_FORMAT, self.train, self.test, self.size])
        key = hashlib.sha256(settings.encode() + b"".join(map(_state, files)))

        def build() -> dict[str, np.ndarray]:
            classes = list(train)
            label_of = {name: label for label, name in enumerate(classes)}
            labels = np.array(
                [label_of[name] for split in (train, test) for name, paths in split.items() for _ in paths]
            )
            count = sum(map(len, train.values()))
            images = decode(files, self.size)
            mean, std = _mean_and_std(images[:count])
            return {
                "images": images,
                "labels": labels,
                "train": np.array(count),
                "classes": np.array(classes),
                "mean": mean,
                "std": std,
                "fingerprint": np.array(_fingerprint(images, labels, count, classes)),
            }

        folders = [Path(self.cache)] if self.cache else [root / ".hypo-cache", user_cache()]
        return find_or_build(key.hexdigest(), folders, build)


def _list_splits(root: Path, train: str, test: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The files of each class of each split; InputError when the two are not a data set together."""
    if not root.is_dir():
        raise InputError(
            f"dataset.root: takes a folder of images laid out as {train}/class/file, but there is no {root}"
        )
    for key, name in (("dataset.train", train), ("dataset.test", test)):
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


def _state(file: str) -> bytes:
    """What tells a changed file from the one that was decoded."""
    try:
        status = os.stat(file)
    except OSError as error:
        raise InputError(f"dataset.root: {file} cannot be read ({error.strerror})") from error
    return os.fsencode(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0")


def _mean_and_std(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel in units of [0, 1], by counting the 256 values."""
    counts = np.zeros((images.shape[-1], 256), np.int64)
    for start in range(0, len(images), 256):
        for channel, count in enumerate(counts):
            count += np.bincount(images[start : start + 256, ..., channel].ravel(), minlength=256)
    values = np.arange(256) / 255
    weights = counts / counts.sum(axis=1, keepdims=True)
    mean = weights @ values
    std = np.sqrt((weights * (values - mean[:, np.newaxis]) ** 2).sum(axis=1))
    # A channel that is the same everywhere cannot be scaled to unit variance: leave its scale alone.
    return mean, np.where(std > 0, std, 1.0)


def _fingerprint(images: np.ndarray, labels: np.ndarray, train: int, classes: list[str]) -> str:
    digest = hashlib.sha256(json.dumps([images.shape, train, classes]).encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
