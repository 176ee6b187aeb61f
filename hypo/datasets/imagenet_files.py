"""The folder of ILSVRC 2012 in torchvision's layout: its classes, their names, and images decoded on demand."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from hypo.datasets.image_files import centre, list_classes, pixels
from hypo.datasets.images import ImageData, Split
from hypo.datasets.on_demand import OnDemand
from hypo.settings import checks
from hypo.settings.errors import InputError

Files = Mapping[str, Sequence[str]]
"""The image files of each wnid, as WordNet ids are called, in sorted order."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""By which torchvision normalises ImageNet."""


def list_splits(root: Path) -> tuple[Files, Files]:
    """The files of `root/train`, or none where it is missing, and of `root/val`.

    Raises:
        InputError: naming the part that is missing or empty, or that only one of the two has.
    """
    if not root.is_dir():
        raise InputError(
            f"dataset.root: takes a folder with ImageNet, laid out as val/<wnid>/*.JPEG, but there is no {root}"
        )
    val = root / "val"
    if not val.is_dir():
        raise InputError(f"dataset.root: takes ImageNet with its validation images, but there is no {val}")
    if any(name.endswith(".JPEG") for name in os.listdir(val)):
        raise InputError(
            f"dataset.root: takes ImageNet with a folder val/<wnid> for each class, but the images lie in {val}"
            " itself; torchvision.datasets.ImageNet(root, 'val') unpacks the archive into folders"
        )
    of_val, of_train = list_classes(val), {}
    if (root / "train").is_dir():
        of_train = list_classes(root / "train")
        if differing := sorted(set(of_train) ^ set(of_val)):
            missing = root / ("val" if differing[0] in of_train else "train") / differing[0]
            raise InputError(f"dataset.root: takes the same classes in train and val, but there is no {missing}")
    for name, split in (("train", of_train), ("val", of_val)):
        if empty := [wnid for wnid, files in split.items() if not files]:
            raise InputError(f"dataset.root: {root / name / empty[0]} holds no images; fill or remove it")
    return of_train, of_val


def class_names(root: Path, wnids: Sequence[str]) -> tuple[str, ...]:
    """A name for each of `wnids`, the first of its words; the wnid where neither of two files says.

    These are torchvision's meta.bin, and LOC_synset_mapping.txt with a line "wnid words" for each class. Where two
    classes have one name the wnid is added.

    Raises:
        InputError: when there is such a file, and it cannot be read.
    """
    words = _words(root)
    first = {wnid: words.get(wnid, "").split(",")[0].strip() or wnid for wnid in wnids}
    times = Counter(first.values())
    return tuple(name if times[name] == 1 else f"{name} ({wnid})" for wnid, name in first.items())


def load(
    of_train: Sequence[Files], of_val: Sequence[Files], names: Sequence[str], size: int, resize: int | None
) -> ImageData:
    """Both splits, (examples, 3, size, size), decoded on demand.

    Args:
        of_train, of_val: for each class the files of the wnids that it consists of.
        size, resize: see `Imagenet`.
    """
    decode = partial(decoded, size=size, resize=resize)

    def split(classes: Sequence[Files]) -> Split:
        files = [(file, label) for label, each in enumerate(classes) for wnid in each for file in each[wnid]]
        labels = torch.tensor([label for _, label in files], dtype=torch.int64)
        return Split(OnDemand(tuple(file for file, _ in files), (3, size, size), decode), labels)

    return ImageData(split(of_train), split(of_val), tuple(names), 255, MEAN, STD)


def decoded(file: str, size: int, resize: int | None) -> np.ndarray:
    """The image as torchvision prepares it for evaluation, (size, size, 3) uint8.

    Its shorter side is brought to `resize` (None: 8/7 of `size`) bilinearly, and its centre cut out.
    """
    found = pixels(file, file, partial(centre, size=size, resize=resize))
    return found if found.ndim == 3 else np.repeat(found[:, :, np.newaxis], 3, axis=2)


def check_sizes(size: int, resize: int | None) -> tuple[int, int | None]:
    """`size` and `resize` of a data set; InputError when the image would be smaller than what is cut out of it."""
    size = checks.integer("dataset.size", size, at_least=1)
    if resize is not None:
        resize = checks.integer("dataset.resize", resize, at_least=size)
    return size, resize


def fingerprint(root: Path, splits: Sequence[Sequence[Files]]) -> str:
    """SHA-256, in hexadecimal digits, of which files each class has in each split, and of their lengths in bytes.

    What they hold is not looked at: that is 150 GB.

    Raises:
        InputError: when a file cannot be looked at.
    """
    digest = hashlib.sha256()
    for classes in splits:
        for each in classes:
            described = {wnid: [_about(root, file) for file in files] for wnid, files in each.items()}
            digest.update(json.dumps(described).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _about(root: Path, file: str) -> tuple[str, int]:
    try:
        return os.path.relpath(file, root), os.stat(file).st_size
    except OSError as error:
        raise InputError(f"dataset.root: {file} cannot be read ({error.strerror})") from error


def _words(root: Path) -> dict[str, str]:
    """The words for each wnid, divided by commas, from the first of the two files that is there."""
    binary, text = root / "meta.bin", root / "LOC_synset_mapping.txt"
    try:
        if binary.exists():
            words, _ = torch.load(binary, weights_only=True)
            return {str(wnid): ",".join(several) for wnid, several in words.items()}
        if text.exists():
            return dict(line.split(maxsplit=1) for line in text.read_text().splitlines() if line.strip())
    except Exception as error:  # a damaged file, or another's, can have any
        reason = " ".join(f"{type(error).__name__} {error}".split())[:120]
        file = binary if binary.exists() else text
        raise InputError(f"dataset.root: {file} has no names of classes that can be read ({reason})") from None
    return {}
