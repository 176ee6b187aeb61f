"""How images of a user's own are brought to the size that a model was made for, where it is known."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypo.datasets.image_files import EXTENSIONS


def fitted(
    model: str, data: str, chosen: Sequence[str], typed: Mapping[str, str], preprocessing: str | None
) -> list[str]:
    """The settings that bring images to what the model expects; none where they are typed, or nothing is known.

    Models of ImageNet are tested on the centre of an image, and one that is squashed looks different to them.
    Images that are smaller than what the model takes stay as they are: `arch.resize` enlarges them inside it.

    Args:
        model, data: as they were typed.
        chosen: the settings that they stand for.
        typed: further settings by key.
        preprocessing: the name of one, where it was typed.

    Raises:
        InputError: when what a folder of Hugging Face says of it cannot be read.
    """
    if not {"dataset=image_folder", "dataset=parquet"} & {*chosen} or {"dataset.fit", "arch.resize"} & {*typed}:
        return []
    size, crops = _expected(model, chosen, preprocessing)
    fit = ["dataset.fit=crop"] if crops else []
    if "dataset.size" in typed:
        return [] if typed["dataset.size"] == "null" else fit
    return [f"dataset.size={size}", *fit] if size is not None and _is_larger(Path(data), size) else []


def _expected(model: str, chosen: Sequence[str], preprocessing: str | None) -> tuple[int | None, bool]:
    """Height and width of images if they are known, and whether they are the centres of larger ones."""
    if "arch=torchvision" in chosen:
        from torchvision import models

        return models.get_model_weights(model).DEFAULT.transforms().crop_size[0], True
    if "arch=foreign" in chosen and (folder := Path(model).expanduser()).is_dir():
        from hypo.architectures import hugging_face  # which imports torch

        asked = hugging_face.preparation(folder)
        return asked.size, asked.crops
    return None, preprocessing == "imagenet"


def _is_larger(folder: Path, size: int) -> bool:
    """Whether an image in `folder`, where it is one, has both sides of `size` or more, and is no such square."""
    import PIL.Image

    for parent, folders, files in os.walk(folder.expanduser()):
        folders.sort()
        for file in sorted(files):
            if file.lower().endswith(EXTENSIONS) and not file.startswith("."):
                try:
                    with PIL.Image.open(os.path.join(parent, file)) as image:
                        return min(image.size) >= size and image.size != (size, size)
                except Exception:  # Pillow has many; whoever decodes it will say so
                    return False
    return False
