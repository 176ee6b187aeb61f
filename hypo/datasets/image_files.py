"""Finding and decoding image files that lie in the usual split/class/file layout."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from hypo.settings.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""What an image file's name ends in, in either case; files with any other ending are passed over."""

FITS = ("squash", "crop")
"""How an image is brought to a square: all of it, or the centre, see `squashed` and `centre`."""

CHUNK = 256
"""Images a thread decodes at a time: enough to make handing them out cheap."""


def list_classes(split: Path) -> dict[str, list[str]]:
    """The image files of every class folder of `split`, at any depth; classes and files are in sorted order.

    Names that begin with a dot are passed over: they are what editors and operating systems leave behind.

    Raises:
        InputError: when `split` holds no class folder, or images outside of one.
    """
    entries = sorted((entry for entry in os.scandir(split) if _visible(entry.name)), key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_file() and _is_image(entry.name):
            raise InputError(f"dataset.root: takes split/class/file, but {entry.path} lies in no class folder")
    classes = {entry.name: _images_under(entry.path) for entry in entries if entry.is_dir()}
    if not any(classes.values()):
        raise InputError(f"dataset.root: takes split/class/file, but {split} is empty: no class folder has images")
    return classes


def decode(
    paths: Sequence[str],
    size: int | None,
    fit: str = "squash",
    opened: Callable[[int], str | BinaryIO] | None = None,
) -> np.ndarray:
    """The images at `paths`, decoded by a pool of threads; (examples, height, width, channels) uint8.

    One channel when all of them are grey, otherwise three (RGB, without any transparency).

    Args:
        paths: at least one image file.
        size: height and width that each image is brought to; None asks for images that all have the size of the
            first.
        fit: how, one of `FITS`.
        opened: from an index to the image's path or file, where `paths` are only names for error messages.

    Raises:
        InputError: naming the first file that is broken, has more than 8 bits a channel, or another size.
    """
    find = opened or paths.__getitem__

    def resized(image: Image) -> Image:
        return image if size is None else centre(image, size) if fit == "crop" else squashed(image, size)

    height, width = pixels(paths[0], find(0), resized).shape[:2]
    images = np.empty((len(paths), height, width, 3), np.uint8)

    def decode_chunk(start: int) -> bool:
        grey = True
        for index, path in enumerate(paths[start : start + CHUNK], start):
            found = pixels(path, find(index), resized)
            if found.shape[:2] != (height, width):
                raise InputError(
                    f"dataset.size: must be given, such as dataset.size=32, when images differ in size:"
                    f" {path} is {_sides(found)}, {paths[0]} is {height}x{width} (height x width)"
                )
            grey &= found.ndim == 2
            images[index] = found[..., np.newaxis] if found.ndim == 2 else found
        return grey

    # One thread a core: more of them only wait for Python's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        all_grey = all(list(pool.map(decode_chunk, range(0, len(paths), CHUNK))))
    return images[..., :1].copy() if all_grey else images


def squashed(image: Image, size: int) -> Image:
    """All of the image brought to `size` × `size` bilinearly, whatever its aspect ratio."""
    from PIL.Image import Resampling

    return image.resize((size, size), Resampling.BILINEAR)


def centre(image: Image, size: int, resize: int | None = None) -> Image:
    """The centre of the image, `size` × `size`, as torchvision prepares it for evaluation.

    Args:
        resize: what its shorter side is brought to before, bilinearly; None for 8/7 of `size`.
    """
    from PIL.Image import Resampling

    shorter, least = resize or round(size * 8 / 7), min(image.size)
    width, height = (int(shorter * side / least) for side in image.size)
    left, top = (round((side - size) / 2) for side in (width, height))
    resized = image.resize((width, height), Resampling.BILINEAR)
    return resized.crop((left, top, left + size, top + size))


def pixels(path: str, file: str | BinaryIO, prepared: Callable[[Image], Image]) -> np.ndarray:
    """One decoded image: (height, width) when it is grey, else (height, width, 3); uint8.

    Args:
        path: what it is called in error messages.
        prepared: from the whole image, grey or RGB, to what is wanted of it.

    Raises:
        InputError: when it is broken, or has more than 8 bits a channel.
    """
    import PIL.Image

    try:
        with PIL.Image.open(file) as image:
            mode = image.mode
            if mode == "P":  # an RGB palette may carry transparency, which Pillow wants to see on the way
                converted = image.convert("RGBA").convert("RGB")
            else:
                converted = image.convert("L" if mode == "L" else "RGB")
            converted = prepared(converted)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error and more
        reason = " ".join(str(error).split())
        raise InputError(f"dataset.root: {path} is not an image that can be decoded ({reason})") from error
    if mode.startswith(("I", "F")):  # Pillow would clip these to 255
        raise InputError(f"dataset.root: takes images of 8 bits a channel; {path} has more (mode {mode})")
    return np.asarray(converted)


def _images_under(folder: str) -> list[str]:
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = filter(_visible, folders)
        found += [os.path.join(parent, file) for file in files if _visible(file) and _is_image(file)]
    return sorted(found)


def _visible(name: str) -> bool:
    return not name.startswith(".")


def _is_image(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS)


def _sides(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]}x{pixels.shape[1]}"
