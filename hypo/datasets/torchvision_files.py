"""From a data set that torchvision can read and fetch to two splits, or one line about what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hypo.datasets.images import Split, split_from_rows
from hypo.settings.errors import InputError


def read_splits(
    read: Callable[[bool], tuple[np.ndarray, Sequence[int] | np.ndarray]],
    *,
    name: str,
    folder: Path,
    files: Sequence[str],
    classes: int,
    download: bool,
) -> tuple[Split, Split]:
    """The training and the test split of a data set that torchvision knows.

    Args:
        read: from `train` (bool) to that split's rows, (examples, height, width, channels) uint8, and labels;
            by way of a torchvision class, made with `download` so that it fetches what is missing.
        name: what the data set is called in error messages.
        folder: the absolute folder that holds the unpacked files.
        files: the names of the files that must be there.
        classes: how many classes there are.
        download: whether `read` may fetch what is missing.

    Raises:
        InputError: when files are missing, cannot be fetched, or are broken.
    """
    missing = [folder / file for file in files if not (folder / file).is_file()]
    if missing and not download:
        raise InputError(
            f"dataset.root: takes the folder that holds {name}, but there is no {missing[0]};"
            " dataset.download=true fetches it"
        )
    try:
        return _split(*read(True), classes), _split(*read(False), classes)
    except Exception as error:  # torchvision raises whatever its download or its parsing trips over
        reason = " ".join(f"{type(error).__name__} {error}".split())
        if missing:
            raise InputError(f"dataset.download: could not fetch {name} into {folder}: {reason}") from error
        raise InputError(
            f"dataset.root: the files of {name} in {folder} are broken ({reason});"
            " delete them and fetch them again with dataset.download=true"
        ) from error


def _split(rows: np.ndarray, labels: Sequence[int] | np.ndarray, classes: int) -> Split:
    """A split whose parts fit together; a file with a flipped byte can be read and still make no sense."""
    split = split_from_rows(rows, np.asarray(labels))
    if len(split.images) != len(split.labels):
        raise ValueError(f"{len(split.images)} images but {len(split.labels)} labels")
    if not len(split) or split.labels.min() < 0 or split.labels.max() >= classes:
        raise ValueError(f"no labels, or labels outside 0 to {classes - 1}")
    return split
