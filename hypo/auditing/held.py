"""A model and images in memory as components of a run, called by a digest of what they are.

A run directory says what its components are, as plain data. Of what Python handed over there is no more to be
said; so whoever builds them finds them here, as long as they are held.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hypo.architectures import probing
from hypo.architectures.adapted import Adapted
from hypo.attacks.model_state import attacked
from hypo.datasets.images import ImageData, Split
from hypo.settings.errors import InputError

LOOKED_AT = 8
"""Images whose logits are part of what a model is: its weights do not say all that Python may do with them."""

_held: dict[str, Any] = {}


@dataclass(frozen=True)
class HeldImages:
    """Images that are in memory; there are none to train on."""

    digest: str

    def load(self) -> ImageData:
        """They, as they are."""
        data: ImageData = _found(self.digest)
        return data


@dataclass(frozen=True)
class HeldModel:
    """A model that is in memory; measured, never trained."""

    digest: str

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """A copy of it, so that the model itself stays as it is."""
        return Adapted(copy.deepcopy(_found(self.digest)))

    def load(self, model: nn.Module) -> None:
        """The weights are there; the `Normalised` that they are in changes nothing."""
        model.get_buffer("mean").zero_()
        model.get_buffer("std").fill_(1)

    def probe(self, model: nn.Module, images: Tensor, labels: Tensor, classes: int) -> list[str]:
        """See `probing.probe`: nobody knows how it was made."""
        return probing.probe(model, images, labels, classes)


@contextmanager
def held(model: nn.Module, test: Split, classes: Sequence[str]) -> Iterator[tuple[HeldModel, HeldImages]]:
    """A context in which both can be built.

    Args:
        test: with images that are float in [0, 1].

    Raises:
        InputError: when the model cannot be copied.
    """
    channels = test.images.shape[1]
    nothing = Split(test.images[:0], test.labels[:0])
    data = ImageData(nothing, test, tuple(classes), 1, (0.0,) * channels, (1.0,) * channels)
    of_images = _digest([*classes], [test.images[:], test.labels])
    try:
        copied = copy.deepcopy(model)
    except Exception as error:  # whatever a module may hold
        reason = " ".join(f"{type(error).__name__} {error}".split())[:160]
        raise InputError(f"model: takes one that copy.deepcopy can copy ({reason})") from None
    of_model = _model_digest(copied, test.images[:LOOKED_AT])
    _held.update({of_images: data, of_model: copied})
    try:
        yield HeldModel(of_model), HeldImages(of_images)
    finally:
        for digest in (of_images, of_model):
            _held.pop(digest, None)


def _found(digest: str) -> Any:
    if digest not in _held:
        raise InputError(
            "hypo.audit: model and images were in memory; hand them over again to measure more of them"
        )
    return _held[digest]


def _model_digest(model: nn.Module, images: Tensor) -> str:
    with torch.no_grad(), attacked(model):
        logits = model(images)
    # Rounded, for the same model's logits differ in their last digits from one number of threads to another.
    said = [f"{value:.3g}" for value in logits.flatten().tolist()]
    return _digest([repr(model), *said], list(model.state_dict().values()))


def _digest(texts: Sequence[str], tensors: Sequence[Tensor]) -> str:
    digest = hashlib.sha256("\0".join(texts).encode())
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
