"""Models that bring their own code: TorchScript, and programs of torch.export."""

from __future__ import annotations

import logging
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
        if len(inputs) != 1:
            names = ", ".join(node.name for node in inputs) or "nothing"
            raise InputError(f"arch.path: takes a program of one input, the images, got {path} that takes {names}")
        return InBatches(loaded.module(), *_batches(loaded, inputs[0].meta["val"].shape[0]))
    except InputError:
        raise
    except Exception as error:  # as above
        raise _unreadable(path, error) from None
    finally:
        quiet.setLevel(level)


class InBatches(nn.Module):
    """A program of torch.export, which has one mode and may take batches of some sizes alone.

    Args:
        smallest, largest: the sizes that it takes; largest is None where there is no bound.
    """

    def __init__(self, network: nn.Module, smallest: int, largest: int | None) -> None:
        super().__init__()
        self.network = network
        self.smallest = smallest
        self.largest = largest

    def forward(self, images: Tensor) -> Any:
        """What the program returns, of images in several batches where it does not take as many at once."""
        if self.smallest <= len(images) <= (self.largest or len(images)):
            return self.network(images)
        parts = torch.split(images, self.largest or len(images))
        return torch.cat([one_tensor(self.network(self._filled(part)))[: len(part)] for part in parts])

    def train(self, mode: bool = True) -> InBatches:
        """Note the mode; the program has the one that it was exported in, and refuses to be told another."""
        self.training = mode
        return self

    def _filled(self, images: Tensor) -> Tensor:
        """At least as many images as it takes, the last of them black."""
        return F.pad(images, (0, 0) * 3 + (0, max(0, self.smallest - len(images))))


def _batches(loaded: Any, size: Any) -> tuple[int, int | None]:
    """The smallest and the largest batch that a program takes; `size` is that of its input."""
    if not isinstance(size, torch.SymInt):
        return int(size), int(size)
    bounds = loaded.range_constraints.get(size.node.expr)
    if bounds is None:
        return 1, None
    return max(1, int(bounds.lower)), int(bounds.upper) if bounds.upper.is_Integer else None


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = " ".join(f"{type(error).__name__} {error}".split())[:160]
    return InputError(f"arch.path: torch {torch.__version__} cannot read {path} ({reason})")
