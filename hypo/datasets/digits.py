"""The handwritten digits that come inside scikit-learn: a real data set that needs no download."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hypo.datasets.images import ImageData, split_from_rows

SPLIT_SEED = 0
"""Decides which images train and which test; a constant, so that all runs test on the same images."""

TRAIN = 600


@dataclass(frozen=True)
class Digits:
    """1,797 grey 8×8 images of ten digits, split at random into 600 to train on and 1,197 to test on.

    Pixels are whole numbers from 0 to 16, so the images' `maximum` is 16.

    Source: `sklearn.datasets.load_digits`, the test part of UCI's "Optical Recognition of Handwritten
    Digits".
    """

    def load(self) -> ImageData:
        """The digits; (examples, 1, 8, 8)."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        rows = digits.images.astype(np.uint8)[..., np.newaxis]
        # RandomState, because numpy promises its stream for ever; default_rng's may change with a release.
        order = np.random.RandomState(SPLIT_SEED).permutation(len(rows))
        train, test = order[:TRAIN], order[TRAIN:]
        return ImageData(
            train=split_from_rows(rows[train], digits.target[train]),
            test=split_from_rows(rows[test], digits.target[test]),
            classes=tuple("0123456789"),
            maximum=16,
            mean=(0.0,),
            std=(1.0,),
        )
