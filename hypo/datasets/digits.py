"""The handwritten digits that come inside scikit-learn: a real data set that needs no download."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import distribution

import numpy as np

from hypo.datasets.images import ImageData, Known, split_from_rows
from hypo.settings import checks

SPLIT_SEED = 0
"""Decides which images train and which test; a constant, so that all runs test on the same images."""

TRAIN = 600


@dataclass(frozen=True)
class Digits:
    """1,797 grey 8×8 images of ten digits, split at random into 600 to train on and 1,197 to test on.

    Pixels are whole numbers from 0 to 16, so the images' `maximum` is 16.

    Attributes:
        scale: each pixel becomes scale × scale pixels, so that networks for larger images can be tried on them.

    Source: `sklearn.datasets.load_digits`, the test part of UCI's "Optical Recognition of Handwritten
    Digits".
    """

    scale: int = 1

    def __post_init__(self) -> None:
        checks.integer("scale", self.scale, at_least=1)

    @property
    def known(self) -> Known:
        """As all data sets that are the same everywhere."""
        return (1, 8 * self.scale, 8 * self.scale), 10

    def load(self) -> ImageData:
        """The digits; (examples, 1, 8·scale, 8·scale)."""
        # The file of `load_digits`, because to import scikit-learn takes every process seconds.
        file = str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz"))
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
        rows, labels = table[:, :-1].reshape(-1, 8, 8, 1), table[:, -1]
        rows = rows.repeat(self.scale, axis=1).repeat(self.scale, axis=2)
        # RandomState, because numpy promises its stream for ever; default_rng's may change with a release.
        order = np.random.RandomState(SPLIT_SEED).permutation(len(rows))
        train, test = order[:TRAIN], order[TRAIN:]
        return ImageData(
            train=split_from_rows(rows[train], labels[train]),
            test=split_from_rows(rows[test], labels[test]),
            classes=tuple("0123456789"),
            maximum=16,
            mean=(0.0,),
            std=(1.0,),
        )
