"""A model and images as Python hands them over: no files, no names, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from hypo.architectures import probing
from hypo.attacks.model_state import attacked
from hypo.datasets.images import Split
from hypo.settings.errors import InputError


def collected(loader: Iterable[Any], device: torch.device) -> Split:
    """All batches of `loader`, on `device`.

    Args:
        loader: of pairs of images, (batch, channels, height, width) floats in [0, 1], and labels, (batch,) whole
            numbers from 0.

    Raises:
        InputError: saying what is wrong with them.
    """
    several: list[tuple[Tensor, Tensor]] = []
    if not isinstance(loader, Iterable):
        raise InputError(f"loader: takes batches of images and labels, got a {type(loader).__name__}")
    for number, batch in enumerate(loader):
        try:
            images, labels = (torch.as_tensor(each) for each in batch)
        except (TypeError, ValueError, RuntimeError):
            kind = type(batch).__name__
            raise InputError(f"loader: takes pairs of images and labels, got a {kind} as batch {number}") from None
        several.append((checked_images("loader", images), checked_labels("loader", labels, len(images))))
    if not sum(len(labels) for _, labels in several):
        raise InputError("loader: takes one with images in it, got none")
    if len({images.shape[1:] for images, _ in several}) > 1:
        raise InputError("loader: takes images that all have one size, got several")
    everything = [torch.cat(parts).to(device) for parts in zip(*several, strict=True)]
    return Split(*everything)


def checked_images(key: str, images: Tensor) -> Tensor:
    """`images` as float32, (batch, channels, height, width) in [0, 1].

    Raises:
        InputError: naming `key`, when they are anything else.
    """
    if images.dim() != 4:
        got = "x".join(map(str, images.shape)) or "one number"
        raise InputError(f"{key}: takes images of shape batch x channels x height x width, got {got}")
    if not images.is_floating_point():
        raise InputError(f"{key}: takes images as floats in [0, 1], got {_dtype(images)}; divide them by 255")
    if not len(images):
        return images.float()
    low, high = (float(value) for value in images.aminmax())
    if not 0 <= low <= high <= 1:
        remedy = "divide them by 255" if low >= 0 and high > 2 else "leave normalising to the model's first layer"
        raise InputError(f"{key}: takes images in [0, 1], got numbers from {low:.3g} to {high:.3g}; {remedy}")
    return images.detach().float()


def checked_labels(key: str, labels: Tensor, count: int) -> Tensor:
    """`labels` as (count,) int64 from 0.

    Raises:
        InputError: naming `key`, when they are anything else.
    """
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise InputError(f"{key}: takes labels as whole numbers, got {_dtype(labels)}")
    if labels.shape != (count,):
        got = "x".join(map(str, labels.shape)) or "one number"
        raise InputError(f"{key}: takes one label for each of {count} images, got {got}")
    if count and int(labels.min()) < 0:
        raise InputError(f"{key}: takes labels from 0, got {int(labels.min())}")
    return labels.long()


def probed(model: nn.Module, test: Split) -> tuple[int, list[str]]:
    """How many classes a model has, and what is to be known before its numbers are believed; see `probing.probe`.

    Raises:
        InputError: when nothing can be measured with it, or a label is none of its classes.
    """
    few, _ = test.limited(probing.shown(test.images.shape[1:]))
    with attacked(model):
        classes = _classes(model, few.images[:1])
        if (largest := int(test.labels.max())) >= classes:
            raise InputError(
                f"labels: takes 0 to {classes - 1}, for the model has {classes} outputs, got {largest}"
            )
        return classes, probing.probe(model, few.images[:], few.labels, classes)


def device_of(model: nn.Module, key: str = "model") -> torch.device:
    """Where a model's weights are, and its images have to be; the CPU for one that has none.

    Raises:
        InputError: when it is no module.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"{key}: takes a torch.nn.Module, got a {type(model).__name__}")
    tensors = (*model.parameters(), *model.buffers())
    return tensors[0].device if tensors else torch.device("cpu")


def _classes(model: nn.Module, images: Tensor) -> int:
    logits = probing.returned_for(model, images)
    if logits.dim() != 2:
        got = "x".join(map(str, logits.shape))
        raise InputError(f"model: takes one that returns logits of shape batch x classes, got {got}")
    return logits.shape[1]


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
