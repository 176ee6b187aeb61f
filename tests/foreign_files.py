"""Files of models as other people save them, of every kind there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_models import CLASSES, SHAPE, Viewing, foreign, scripted, traced
from torch import Tensor, nn

from hypo.architectures.foreign import Foreign
from hypo.architectures.normalised import Normalised
from hypo.settings.errors import InputError

MAKING = {"architecture": "foreign_models:network"}


def images(count: int = 7, shape: tuple[int, int, int] = SHAPE) -> Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(3))


def stored(tensor: Tensor) -> Tensor:
    """Channels-last in memory, as the images of data sets are."""
    return tensor.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def model_of(arch: Foreign, shape: tuple[int, int, int] = SHAPE, classes: int = CLASSES) -> nn.Module:
    """As an experiment has it, on a data set with a normalisation of its own."""
    model = Normalised(arch.build(shape, classes), [0.3] * shape[0], [0.2] * shape[0])
    arch.load(model)
    return model.to(memory_format=torch.channels_last)


def refusal(path: Path, **settings: Any) -> str:
    with pytest.raises(InputError) as refused:
        model_of(foreign(path, **settings))
    message = str(refused.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


def exported(model: nn.Module, path: Path, batch: int = 4, **shapes: Any) -> Path:
    """A program of torch.export, for batches of one size where no shapes are given."""
    torch.export.save(
        torch.export.export(model, (images(batch).contiguous(),), **shapes), path.with_suffix(".pt2")
    )
    return path.with_suffix(".pt2").rename(path)


def saved(content: Any, path: Path, *, old: bool = False) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    return path


def safetensors(model: nn.Module, path: Path) -> Path:
    from safetensors.torch import save_file

    save_file(model.state_dict(), path)
    return path


ANY_BATCH = {"dynamic_shapes": {"images": {0: torch.export.Dim.DYNAMIC}}}
UP_TO_SIX = {"dynamic_shapes": {"images": {0: torch.export.Dim("batch", min=3, max=6)}}}

# None of the files is called by what it is.
KINDS: dict[str, tuple[Callable[[Viewing, Path], Path], dict[str, Any]]] = {
    "scripted": (scripted, {}),
    "frozen": (lambda model, path: scripted(model, path, frozen=True), {}),
    "traced": (lambda model, path: traced(model, path, images(2)), {}),
    "exported": (lambda model, path: exported(model, path, **ANY_BATCH), {}),
    "exported for batches of four": (exported, {}),
    "exported for batches of three to six": (lambda model, path: exported(model, path, **UP_TO_SIX), {}),
    "safetensors": (safetensors, MAKING),
    "state dict": (lambda model, path: saved(model.state_dict(), path), MAKING),
    "state dict of the older kind": (lambda model, path: saved(model.state_dict(), path, old=True), MAKING),
    "checkpoint": (lambda model, path: saved({"model": model.state_dict(), "epoch": 3}, path), MAKING),
    "checkpoint of several devices": (
        lambda model, path: saved({"state_dict": nn.DataParallel(model).state_dict()}, path),
        MAKING,
    ),
}
