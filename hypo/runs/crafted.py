"""Crafted images, kept beside the runs: made once for their settings, for everybody who needs them.

`outputs/crafted/<kind>-<hash of the settings>.safetensors` holds them; they may be deleted at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from hypo.runs.shared_files import made_once
from hypo.settings.errors import InputError
from hypo.settings.identity import SCHEMA, short_hash


@dataclass(frozen=True)
class Crafted:
    """The crafted sets in `folder`, which all processes of a sweep share, as the run of name `run` sees them."""

    folder: Path
    run: str

    def images(self, kind: str, settings: Mapping[str, Any], craft: Callable[[], Tensor]) -> Tensor:
        """The images that `craft` makes, on the CPU, in any shape and type.

        Training images are (examples, channels, height, width) uint8.

        Args:
            kind: what they are called.
            settings: plain data, all that decides what they look like.
            craft: called by the first process that needs them, while others wait.

        Raises:
            InputError: when the file is damaged.
        """
        from safetensors import SafetensorError, safe_open
        from safetensors.torch import save

        everything = {"schema": SCHEMA, **settings}
        path = self.file(kind, settings)

        def make() -> bytes:
            # One entry, because safetensors writes several in any order.
            return save({"images": craft().contiguous()}, {"settings": json.dumps(everything, sort_keys=True)})

        made_once(path, make, path.exists, self.run)
        try:
            with safe_open(path, framework="pt") as file:
                images: Tensor = file.get_tensor("images")
        except (SafetensorError, OSError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path}: cannot be read ({reason}); delete it, and it is made anew") from None
        return images

    def file(self, kind: str, settings: Mapping[str, Any]) -> Path:
        """Where these images are kept."""
        return self.folder / f"{kind}-{short_hash({'schema': SCHEMA, **settings})}.safetensors"


@dataclass(frozen=True)
class AlreadyCrafted(Crafted):
    """The crafted sets that are there, to be looked at: nothing is made, nor waited for, nor written."""

    def images(self, kind: str, settings: Mapping[str, Any], craft: Callable[[], Tensor]) -> Tensor:
        """The images that a run has crafted before.

        Raises:
            InputError: when the file is not there, or damaged.
        """
        path = self.file(kind, settings)
        if not path.exists():
            remedy = "the next run that is trained on it makes it again, such as this one with another seed"
            raise InputError(f"{path}: is not there; {remedy}")
        return super().images(kind, settings, craft)
