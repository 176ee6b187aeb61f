"""Models that bring their own code: TorchScript, and programs of torch.export."""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hypo.architectures import foreign_files
from hypo.architectures.adapted import one_tensor
from hypo.settings.errors import InputError


def script(path: Path) -> nn.Module:
    """The TorchScript in a file, on the CPU.

    Raises:
        InputError: when torch cannot read it.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*torch.jit.load.* is deprecated", FutureWarning)
            # A frozen one has no mode before it is told.
            loaded: nn.Module = torch.jit.load(path, map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except Exception as error:  # a damaged file, and code of another version, have any
        raise _unreadable(path, error) from None
    return loaded


def program(path: Path) -> nn.Module:
    """The program of torch.export in a file, on the CPU.

    Raises:
        InputError: when torch cannot read it, when it has more than tensors beside its graph, or takes more than
            the images.
    """
    quiet = logging.getLogger("torch.export")
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # it minds names that do not end in .pt2
    try:
        foreign_files.refuse_pickles(path)
        with path.open("rb") as file:
            loaded = torch.export.load(file)
        inputs = [node for node in loaded.graph.nodes if node.name in loaded.graph_signature.user_inputs]
        module = loaded.module()
    except InputError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from None
    finally:
        quiet.setLevel(level)
    if len(inputs) != 1:
        names = ", ".join(node.name for node in inputs) or "nothing"
        raise InputError(f"arch.path: takes a program of one input, the images, got {path} that takes {names}")
    batch = inputs[0].meta["val"].shape[0]
    return InBatches(module, None if isinstance(batch, torch.SymInt) else int(batch))


class InBatches(nn.Module):
    """A program of torch.export, which has one mode and may take batches of one size alone.

    Args:
        batch: the size that it takes; None for all of them.
    """

    def __init__(self, network: nn.Module, batch: int | None) -> None:
        super().__init__()
        self.network = network
        self.batch = batch

    def forward(self, images: Tensor) -> Any:
        """What the program returns, of images in several batches where it does not take as many at once."""
        if self.batch is None or len(images) == self.batch:
            return self.network(images)
        # Empty places are filled up with black images, of which nothing is kept.
        rounds = math.ceil(len(images) / self.batch)
        filled = F.pad(images, (0, 0) * 3 + (0, rounds * self.batch - len(images)))
        parts = torch.split(filled, self.batch)
        return torch.cat([one_tensor(self.network(part)) for part in parts])[: len(images)]

    def train(self, mode: bool = True) -> InBatches:
        """Note the mode; the program has the one that it was exported in, and refuses to be told another."""
        self.training = mode
        return self


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = " ".join(f"{type(error).__name__} {error}".split())[:160]
    return InputError(f"arch.path: torch {torch.__version__} cannot read {path} ({reason})")
