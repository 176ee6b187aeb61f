"""A model that is there already: weights in a file, for an architecture that hypo has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from hypo.architectures import weights
from hypo.architectures.normalised import Architecture
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Saved:
    """The weights of a safetensors file, such as a run's model.safetensors; measured, never trained.

    The file holds the state of `Normalised`, and then the model normalises as it says, or of the network in it
    alone, which is then given images that are normalised as the data set asks for.

    Attributes:
        of: the architecture that the weights are of.
        path: of the file. What it holds enters the run's identity, and where it lies does not.
    """

    of: Architecture
    path: str = field(metadata={"identity": False})

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network without its weights."""
        return self.of.build(shape, classes)

    def load(self, model: nn.Module) -> None:
        """Put the weights into `model`, a `Normalised` with what `build` made.

        Raises:
            InputError: when the file cannot be read, or does not fit the architecture and the data set.
        """
        try:
            tensors = weights.tensors(Path(self.path))
        except InputError as error:
            raise InputError(f"arch.path: takes a safetensors file, got {error}") from None
        whole = {"mean", "std"} <= set(tensors)
        try:
            (model if whole else model.get_submodule("network")).load_state_dict(tensors)
        except RuntimeError as error:
            reason = " ".join(str(error).split()).partition(" Unexpected key")[0][:200]
            raise InputError(
                f"arch.path: takes weights of {type(self.of).__name__}, got {self.path} ({reason})"
            ) from None

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of the file.

        Raises:
            InputError: when it cannot be read.
        """
        try:
            return hashlib.sha256(Path(self.path).read_bytes()).hexdigest()[:16]
        except OSError as error:
            raise InputError(f"arch.path: cannot read {self.path}: {error.strerror or error}") from None
