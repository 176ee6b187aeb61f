"""Tiny-ImageNet: 200 classes of 64×64 photographs, in the layout of its own zip."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from hypo.datasets import decoded
from hypo.datasets.image_files import decode
from hypo.datasets.images import ImageData, Known
from hypo.settings import checks
from hypo.settings.errors import InputError

FOLDER = "tiny-imagenet-200"
SIZE = 64


@dataclass(frozen=True)
class TinyImagenet:
    """100,000 training and 10,000 test images (its validation split), RGB; normalised as Tao et al. (2022) do.

    The labels are the places of the sorted WordNet ids. Files are decoded once; see `hypo.datasets.decoded`.

    Attributes:
        root: the folder that holds `tiny-imagenet-200`, unpacked.
        cache: the folder for cache files; None takes one inside of it, or the user's own.
    """

    known: ClassVar[Known] = ((3, SIZE, SIZE), 200)

    root: str = field(default="data", metadata={"identity": False})
    cache: str | None = field(default=None, metadata={"identity": False})

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checks.absolute(self.root))
        if self.cache is not None:
            object.__setattr__(self, "cache", checks.absolute(self.cache))

    def load(self) -> ImageData:
        """(examples, 3, 64, 64); InputError, naming the file, when something is missing or broken."""
        folder = Path(self.root) / FOLDER
        ids = sorted(_lines(folder / "wnids.txt", "one WordNet id a line"))
        train = [(file, label) for label, name in enumerate(ids) for file in _images_of(folder / "train" / name)]
        examples = [*train, *_annotated(folder / "val", ids)]
        files = [file for file, _ in examples]

        def decode_all() -> decoded.Decoded:
            images = decode(files, SIZE)
            colours = images if images.shape[-1] == 3 else np.repeat(images, 3, axis=-1)
            labels = np.array([label for _, label in examples])
            return decoded.Decoded(colours, labels, len(train), _names(folder, ids))

        path = decoded.archive(files, SIZE, decoded.cache_folders(self.cache, folder), decode_all)
        return decoded.load(path, mean=(0.4802, 0.4481, 0.3975), std=(0.2770, 0.2691, 0.2821))


def _images_of(folder: Path) -> list[str]:
    """The training images of one class."""
    files = sorted(map(str, (folder / "images").glob("*.JPEG")))
    if not files:
        raise InputError(f"dataset.root: takes Tiny-ImageNet, but there is no {folder / 'images'}/*.JPEG")
    return files


def _annotated(folder: Path, ids: list[str]) -> list[tuple[str, int]]:
    """The validation images, whose classes stand in a file of their own."""
    path = folder / "val_annotations.txt"
    label_of = {name: label for label, name in enumerate(ids)}
    examples = []
    for number, line in enumerate(_lines(path, "a line 'file<tab>WordNet id<tab>box' for each image"), 1):
        file, _, rest = line.partition("\t")
        name = rest.partition("\t")[0]
        if name not in label_of:
            raise InputError(f"dataset.root: {path}, line {number}: takes 'file<tab>WordNet id', got {line!r}")
        examples.append((str(folder / "images" / file), label_of[name]))
    return examples


def _names(folder: Path, ids: list[str]) -> list[str]:
    """The first of the words for each id; the id where words.txt does not say."""
    try:
        lines = (folder / "words.txt").read_text().splitlines()
    except OSError:
        return ids
    words = {name: text.split(",")[0] for name, _, text in (line.partition("\t") for line in lines)}
    return [words.get(name) or name for name in ids]


def _lines(path: Path, takes: str) -> list[str]:
    try:
        lines = [line for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"dataset.root: takes the folder of {FOLDER}, but {path} ({takes}) cannot be read:"
            f" {getattr(error, 'strerror', None) or 'no text'}"
        ) from None
    if not lines:
        raise InputError(f"dataset.root: {path} takes {takes}, but it is empty")
    return lines
