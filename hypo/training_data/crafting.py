"""Training images made of others on a model: part by part, and stored as finely as 8 bits allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from hypo.datasets.images import ImageData, Split
from hypo.settings.components import describe
from hypo.settings.device import few_threads, resolve
from hypo.settings.errors import InputError
from hypo.settings.identity import training_id

BATCH = 500
"""How many images are crafted at once; a constant, so that what is crafted never depends on it."""

Stored: TypeAlias = Literal["rounded", "truncated"]
"""How grey levels become whole numbers."""


def made_of(experiment: Any, needed: Any) -> dict[str, Any]:
    """What decides any crafted set, as plain data: the images, how many of them, and the model of `needed`."""
    return {
        "dataset": describe(experiment.dataset, identity=True),
        "train_limit": experiment.recipe.train_limit,
        "model": training_id(needed),
    }


def craft(
    model: nn.Module,
    train: Split,
    data: ImageData,
    experiment: Any,
    change: Callable[[Tensor, slice], Tensor],
    stored: Stored = "rounded",
) -> Tensor:
    """What `change` makes of the images of `train`, (examples, channels, height, width) uint8, on the CPU.

    Args:
        model: that they are crafted on; it is moved to the device of `experiment`.
        data: what `train` is of: `maximum`, and how many classes the model is to know.
        change: from (batch, channels, height, width) images in [0, 1] on that device, and where in `train` they
            are, to others of their shape.

    Raises:
        InputError: when the model was trained for another number of classes.
    """
    device = resolve(experiment.device)
    model.to(device).to(memory_format=torch.channels_last)
    parts = []
    with few_threads(model, BATCH):
        for begin in range(0, len(train), BATCH):
            part = slice(begin, begin + BATCH)
            images = train.images[part].to(device).float() / data.maximum
            _check_classes(model, images, len(data.classes))
            levels = change(images, part) * data.maximum
            parts.append((levels.round() if stored == "rounded" else levels).to(torch.uint8).cpu())
    return torch.cat(parts)


def _check_classes(model: nn.Module, images: Tensor, classes: int) -> None:
    with torch.no_grad():
        known = model(images[:1]).shape[1]
    if known != classes:
        raise InputError(f"training_data: the crafting model knows {known} classes, the data set has {classes}")
