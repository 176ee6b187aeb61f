"""Images in parquet files, the layout in which data sets are commonly published."""

from __future__ import annotations

import glob
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hypo.datasets import decoded
from hypo.datasets.image_files import FITS, decode
from hypo.datasets.images import ImageData
from hypo.settings import checks
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Parquet:
    """Compressed images in a column `image`, of bytes or of struct<bytes, path>, beside whole numbers in `label`.

    Class names are those that the files' metadata give, else the numbers. Images are decoded once; see
    `hypo.datasets.decoded`.

    Attributes:
        root: the folder that holds the files, or one file, all of which is to be tested on; not part of a run's
            identity, `fingerprint` is.
        train, test: patterns of the two splits' files, below `root`.
        size: height and width that every image is brought to, in pixels; None when they all are of one size.
        mean, std: what to normalise by, one number a channel in units of [0, 1]; None measures them on the
            training images, and where there are none leaves images as they are.
        cache: the folder for cache files; None takes `.hypo-cache` beside the files, or the user's own.
        fit: how they are brought to `size`, as of `ImageFolder`.
    """

    root: str = field(metadata={"identity": False})
    train: str = "**/train*.parquet"
    test: str = "**/test*.parquet"
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
        """The two splits; InputError, naming file and row, when something about them is wrong."""
        return decoded.load(self._archive(), self.mean, self.std)

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal digits, of the decoded images, their labels and the class names."""
        return decoded.fingerprint(self._archive())

    def _archive(self) -> Path:
        root = Path(self.root)
        folder = root.parent if root.is_file() else root
        train: list[str] = []
        test = [str(root)]
        if not root.is_file():
            train, test = (_matching(root, key, getattr(self, key)) for key in ("train", "test"))

        def decode_all() -> decoded.Decoded:
            tables = [_read(file) for file in (*train, *test)]
            labels = np.concatenate([table.labels for table in tables])
            count = sum(len(table.labels) for table in tables[: len(train)])
            names = [name for table in tables for name in table.names]
            contents = [content for table in tables for content in table.images]
            numbers = labels[:count] if train else labels
            classes = tables[0].classes or [str(label) for label in range(int(numbers.max(initial=0)) + 1)]
            for name, label in zip(names, labels.tolist(), strict=True):
                if not 0 <= label < len(classes):
                    raise InputError(
                        f"dataset.root: {name}: takes labels from 0 to {len(classes) - 1}, got {label}"
                    )
            if len(classes) < 2:
                raise InputError(
                    f"dataset.root: takes two classes or more, but {(train or test)[0]} has only {classes}"
                )
            images = decode(names, self.size, self.fit, lambda index: io.BytesIO(contents[index]))
            return decoded.Decoded(images, labels, count, classes)

        fitted = [] if self.fit == "squash" else [self.fit]  # cache files from before there was a choice serve
        settings = ["parquet", self.size, len(train), *fitted]
        return decoded.archive([*train, *test], settings, decoded.cache_folders(self.cache, folder), decode_all)


@dataclass(frozen=True)
class _Table:
    """One file: what each row is called, the compressed images, the labels, and class names if it has any."""

    names: list[str]
    images: list[bytes]
    labels: np.ndarray
    classes: list[str]


def _matching(root: Path, key: str, pattern: str) -> list[str]:
    if not root.is_dir():
        raise InputError(f"dataset.root: takes a folder of parquet files, but there is no {root}")
    found = sorted(glob.glob(pattern, root_dir=root, recursive=True))
    if not found:
        raise InputError(f"dataset.{key}: takes a pattern of parquet files, but {root / pattern} matches none")
    return [str(root / name) for name in found]


def _read(file: str) -> _Table:
    import pyarrow
    from pyarrow import parquet

    try:
        # Not as a data set: a folder such as `split=train` would become a column of its own.
        content = parquet.ParquetFile(file)
        schema = content.schema_arrow
        known = ", ".join(f"{name} ({kind})" for name, kind in zip(schema.names, schema.types, strict=True))
        expected = "a column image of bytes or struct<bytes, path> and a column label of whole numbers"
        wrong = InputError(f"dataset.root: {file}: takes {expected}; it has {known or 'no columns'}")
        if not {"image", "label"} <= set(schema.names):
            raise wrong
        image, label = schema.field("image").type, schema.field("label").type
        nested = pyarrow.types.is_struct(image) and image.get_field_index("bytes") >= 0
        if not pyarrow.types.is_integer(label) or not (nested or _is_bytes(image)):
            raise wrong
        table = content.read(columns=["image", "label"])
    except pyarrow.ArrowException as error:
        reason = " ".join(str(error).split())
        raise InputError(f"dataset.root: {file} is no parquet file that can be read ({reason})") from None
    column = table["image"].combine_chunks()
    images = (column.field("bytes") if nested else column).to_pylist()
    labels = table["label"].to_pylist()
    names = [f"{file}, row {row}" for row in range(len(labels))]
    for name, content_of_row, label_of_row in zip(names, images, labels, strict=True):
        if content_of_row is None or label_of_row is None:
            raise InputError(f"dataset.root: {name}: has no {'label' if content_of_row else 'image bytes'}")
    return _Table(names, images, np.array(labels, dtype=np.int64), _class_names(schema.metadata or {}))


def _is_bytes(kind: Any) -> bool:
    import pyarrow

    return pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)


def _class_names(metadata: dict[bytes, bytes]) -> list[str]:
    """The names of the labels as the `datasets` library writes them; none where it has not."""
    try:
        names = json.loads(metadata[b"huggingface"])["info"]["features"]["label"]["names"]
    except (KeyError, TypeError, ValueError):
        return []
    return [str(name) for name in names]
