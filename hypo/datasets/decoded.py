"""Image files decoded once into a cache file: what the data sets that consist of compressed images share."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hypo.datasets.image_cache import find_or_build, user_cache
from hypo.datasets.images import ImageData, split_from_rows
from hypo.settings import checks
from hypo.settings.errors import InputError

CACHE_FORMAT = 1
"""Version of what a cache file holds; part of its key, so that another version builds its own."""


@dataclass(frozen=True)
class Decoded:
    """Two splits in one.

    Attributes:
        images: (examples, height, width, channels) uint8, those of the training split first.
        labels: (examples,) integers, places in `classes`.
        train: how many are of the training split.
    """

    images: np.ndarray
    labels: np.ndarray
    train: int
    classes: Sequence[str]


def archive(files: Sequence[str], settings: Any, folders: Sequence[Path], decode: Callable[[], Decoded]) -> Path:
    """The cache file for `files` as they are now, decoded if need be.

    It serves until a file is added, removed or changed, in size or modification time.

    Args:
        settings: plain data, what decoding depends on beside the files.
        folders: where cache files may lie, the first that can be written to comes first.

    Raises:
        InputError: when a file cannot be read, or none of the folders can be written to.
    """
    state = json.dumps([CACHE_FORMAT, settings]).encode() + b"".join(map(_state, files))

    def build() -> dict[str, np.ndarray]:
        decoded = decode()
        mean, std = _mean_and_std(decoded.images[: decoded.train])
        return {
            "images": decoded.images,
            "labels": decoded.labels,
            "train": np.array(decoded.train),
            "classes": np.array(decoded.classes),
            "mean": mean,
            "std": std,
            "fingerprint": np.array(_fingerprint(decoded)),
        }

    return find_or_build(hashlib.sha256(state).hexdigest(), folders, build)


def cache_folders(cache: str | None, root: Path) -> list[Path]:
    """The folder that was asked for, or `root/.hypo-cache` and then the user's own."""
    return [Path(cache)] if cache else [root / ".hypo-cache", user_cache()]


def normalisation(key: str, values: tuple[float, ...] | None, *, above: float | None) -> tuple[float, ...] | None:
    """`values` of mean or std, checked."""
    return None if values is None else tuple(checks.number(key, value, above=above) for value in values)


def load(path: Path, mean: tuple[float, ...] | None = None, std: tuple[float, ...] | None = None) -> ImageData:
    """The splits in a cache file, normalised by what is given or else was measured on the training images.

    Where there are none of these, images stay as they are.

    Raises:
        InputError: when the file is damaged, or mean or std have another number of channels.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels, train = file["images"], file["labels"], int(file["train"])
            classes = tuple(file["classes"].tolist())
            measured = [tuple(file[name].tolist()) for name in ("mean", "std")]
    except Exception as error:  # zip, zlib and numpy each have their own for a damaged file
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise InputError(
            f"dataset.cache: {path} is damaged ({reason}); delete it and repeat the command"
        ) from error
    for key, given in (("dataset.mean", mean), ("dataset.std", std)):
        if given is not None and len(given) != images.shape[-1]:
            raise InputError(f"{key}: takes one number a channel, here {images.shape[-1]}, got {list(given)}")
    return ImageData(
        train=split_from_rows(images[:train], labels[:train]),
        test=split_from_rows(images[train:], labels[train:]),
        classes=classes,
        maximum=255,
        mean=mean or measured[0],
        std=std or measured[1],
    )


def fingerprint(path: Path) -> str:
    """SHA-256, in hexadecimal digits, of the decoded images, their labels and the class names."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return str(file["fingerprint"])
    except Exception as error:
        raise InputError(f"dataset.cache: {path} is damaged; delete it and repeat the command") from error


def _state(file: str) -> bytes:
    """What tells a changed file from the one that was decoded."""
    try:
        status = os.stat(file)
    except OSError as error:
        raise InputError(f"dataset.root: {file} cannot be read ({error.strerror})") from error
    return os.fsencode(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0")


def _mean_and_std(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel in units of [0, 1], by counting the 256 values.

    Those of no images are 0 and 1, which leave others as they are.
    """
    if not len(images):
        return np.zeros(images.shape[-1]), np.ones(images.shape[-1])
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


def _fingerprint(decoded: Decoded) -> str:
    digest = hashlib.sha256(json.dumps([decoded.images.shape, decoded.train, list(decoded.classes)]).encode())
    digest.update(np.ascontiguousarray(decoded.images).data)
    digest.update(decoded.labels.astype("<i8").tobytes())
    return digest.hexdigest()
