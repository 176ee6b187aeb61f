"""Models as other people save them, and the runs that measure them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from small_models import Stripes, small_experiment
from torch import Tensor, nn

from hypo.architectures.foreign import Foreign
from hypo.defenses.none import NoDefense
from hypo.jobs.experiment import Experiment
from hypo.training_data.elsewhere import Elsewhere

SHAPE, CLASSES = (1, 8, 8), 4


class Viewing(nn.Module):
    """A network as many write it: what a convolution gives it views as rows."""

    def __init__(self, channels: int = 1, classes: int = CLASSES) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(4 * 64, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = torch.relu(self.norm(self.convolution(images)))
        logits: Tensor = self.linear(self.dropout(features.view(features.size(0), -1)))
        return logits


class Shared(nn.Module):
    """A network with one layer that has two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 64)
        self.second = self.first
        self.last = nn.Linear(64, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.last(self.second(self.first(images.flatten(1)).relu()).relu())
        return logits


def network(channels: int = 1, classes: int = CLASSES, seed: int = 0) -> Viewing:
    """As it is initialised, with statistics of its own in eval mode."""
    torch.manual_seed(seed)
    made = Viewing(channels, classes)
    with torch.no_grad():
        made(torch.rand(32, channels, 8, 8))
    return made.eval()


def scripted(model: nn.Module, path: Path, *, frozen: bool = False) -> Path:
    """`model` as TorchScript, which torch would rather have nobody use any more."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is deprecated", FutureWarning)
        script = torch.jit.script(model)
        (torch.jit.freeze(script) if frozen else script).save(str(path))
    return path


def traced(model: nn.Module, path: Path, images: Tensor) -> Path:
    """`model` as TorchScript of what it did to `images`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is deprecated", FutureWarning)
        torch.jit.trace(model, images, check_trace=False).save(str(path))
    return path


def foreign(path: Path, **settings: Any) -> Foreign:
    return Foreign(str(path), **settings)


def measuring(arch: Foreign, **changes: Any) -> Experiment:
    """An experiment on `Stripes` that takes a fraction of a second."""
    settings = {"training_data": Elsewhere(), "dataset": Stripes(), "arch": arch, **changes}
    return small_experiment(NoDefense(), **settings)
