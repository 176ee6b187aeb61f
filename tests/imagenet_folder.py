"""A small ImageNet, made of random pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

WNIDS = ("n01440764", "n01443537", "n02102040")


def jpeg(path: Path, seed: int, height: int = 40, width: int = 56, channels: int = 3) -> None:
    """Coarse noise at `path`, which a JPEG keeps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.random.default_rng(seed).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    image = Image.fromarray(cells.squeeze(2) if channels == 1 else cells)
    image.resize((width, height)).save(path, "JPEG")


def imagenet(
    root: Path, *, train: int = 2, val: int = 3, wnids: Sequence[str] = WNIDS, height: int = 40, width: int = 56
) -> Path:
    """`root`, with so many images for each class; no folder for a split of none."""
    for split, count in (("train", train), ("val", val)):
        for label, wnid in enumerate(wnids):
            for number in range(count):
                seed = 1000 * label + number + (500 if split == "train" else 0)
                jpeg(root / split / wnid / f"{split}_{wnid}_{number}.JPEG", seed, height, width)
    return root
