"""Restricted ImageNet: a few classes, each made of several of ImageNet's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hypo.datasets import imagenet_files
from hypo.datasets.imagenet_files import Files
from hypo.datasets.images import ImageData
from hypo.settings import checks
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class RestrictedImagenet:
    """The images of those classes of ImageNet that a file puts together to new ones (Tsipras et al., ICLR 2019).

    Ilyas et al. (2019) have nine. The labels are the places of the classes in the file.

    Attributes:
        class_map: a YAML file with a list of wnids for the name of each class, two or more. Neither where it lies
            nor the names enter the run's identity; what is put together does, in the `fingerprint`.
        root, size, resize: see `Imagenet`.

    Raises:
        InputError: for sizes that are none.
    """

    root: str = field(metadata={"identity": False})
    class_map: str = field(metadata={"identity": False})
    size: int = 224
    resize: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checks.absolute(self.root))
        object.__setattr__(self, "class_map", checks.absolute(self.class_map))
        size, resize = imagenet_files.check_sizes(self.size, self.resize)
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "resize", resize)

    def load(self) -> ImageData:
        """(examples, 3, size, size); InputError when the class map is broken or the folder lacks a part of it."""
        classes, (train, val) = self._parts()
        return imagenet_files.load(train, val, list(classes), self.size, self.resize)

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal digits, of which files each class has and how long they are."""
        return imagenet_files.fingerprint(Path(self.root), self._parts()[1])

    def _parts(self) -> tuple[Mapping[str, list[str]], tuple[list[Files], list[Files]]]:
        """The class map, and for both splits the files of each class."""
        classes = read_class_map(Path(self.class_map))
        train, val = imagenet_files.list_splits(Path(self.root))
        for name, wnids in classes.items():
            if missing := [wnid for wnid in wnids if wnid not in val]:
                folder = Path(self.root) / "val" / missing[0]
                raise InputError(f"dataset.class_map: {name} has {missing[0]}, but there is no {folder}")
        of_train: list[Files] = [{wnid: train[wnid] for wnid in each} for each in classes.values() if train]
        return classes, (of_train, [{wnid: val[wnid] for wnid in each} for each in classes.values()])


def read_class_map(path: Path) -> dict[str, list[str]]:
    """The wnids of each class.

    Raises:
        InputError: when the file cannot be read, or is no such map.
    """
    try:
        content: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise InputError(f"dataset.class_map: {path} cannot be read: {reason}") from None
    if not isinstance(content, dict) or len(content) < 2:
        raise InputError(f"dataset.class_map: {path} takes a list of wnids for each of two classes or more")
    owner: dict[str, str] = {}
    for name, wnids in content.items():
        if not isinstance(wnids, list) or not wnids or not all(isinstance(wnid, str) for wnid in wnids):
            raise InputError(
                f"dataset.class_map: {path} takes a list of wnids for {name}, got {checks.shown(wnids)}"
            )
        for wnid in wnids:
            if wnid in owner:
                raise InputError(f"dataset.class_map: {path} has {wnid} twice, in {owner[wnid]} and {name}")
            owner[wnid] = str(name)
    return {str(name): wnids for name, wnids in content.items()}
