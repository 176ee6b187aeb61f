"""ImageNet: a million photographs of a thousand classes, decoded as they are needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hypo.datasets import imagenet_files
from hypo.datasets.images import ImageData
from hypo.settings import checks


@dataclass(frozen=True)
class Imagenet:
    """ILSVRC 2012, or some of its classes, in `root/train/<wnid>/*.JPEG` and `root/val/<wnid>/*.JPEG`.

    The validation images are what is tested on; where nothing is trained they are enough. The labels are the
    places of the sorted wnids. Images are decoded on demand, as torchvision prepares them for evaluation.

    Attributes:
        root: the folder; not part of a run's identity, `fingerprint` is.
        size: height and width of the centre that is cut out of each image, in pixels.
        resize: what its shorter side is brought to before, in pixels, >= size; None for 8/7 of size.

    Raises:
        InputError: for sizes that are none.
    """

    root: str = field(metadata={"identity": False})
    size: int = 224
    resize: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", checks.absolute(self.root))
        size, resize = imagenet_files.check_sizes(self.size, self.resize)
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "resize", resize)

    def load(self) -> ImageData:
        """(examples, 3, size, size); InputError, naming the file or folder, when a part is missing."""
        root = Path(self.root)
        train, val = (
            [{wnid: files} for wnid, files in split.items()] for split in imagenet_files.list_splits(root)
        )
        names = imagenet_files.class_names(root, [wnid for each in val for wnid in each])
        return imagenet_files.load(train, val, names, self.size, self.resize)

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal digits, of which files there are and how long they are."""
        root = Path(self.root)
        return imagenet_files.fingerprint(root, [[split] for split in imagenet_files.list_splits(root)])
