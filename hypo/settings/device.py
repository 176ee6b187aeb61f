"""Where a run computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from hypo.settings.errors import InputError

WORTH_SHARING = 1e7
"""Parameters times examples of a batch, below which threads cost more than they gain."""


@contextmanager
def few_threads(model: nn.Module, batch: int) -> Iterator[None]:
    """One CPU thread where the work of a step is too small to share; the number is restored.

    An MLP on the digits trains no faster with two threads, and several times slower as soon as a core is
    shared with anything else. With one it also gives the same bits whatever the number of cores.
    """
    before = torch.get_num_threads()
    # A frozen script has weights and shows none: what it costs is not known.
    if 0 < sum(parameter.numel() for parameter in model.parameters()) * batch < WORTH_SHARING:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def resolve(device: str) -> torch.device:
    """The device of that name; "auto" is the first CUDA device where there is one, else the CPU.

    Raises:
        InputError: when there is no such device on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    resolved = named(device)
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device: {device} is not there; this machine has {_cuda_devices()}")
    if resolved.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("device: mps is not there; this machine has no Apple GPU that torch can use")
    return resolved


def named(device: str) -> torch.device:
    """The device of that name, whether or not this machine has it; "auto" may be any, here the CPU.

    Raises:
        InputError: when there can be none of that name.
    """
    try:
        found = torch.device("cpu" if device == "auto" else device)
    except RuntimeError:
        found = torch.device("meta")
    if found.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device: takes auto, cpu, cuda, cuda:<index> or mps, got {device!r}")
    return found


def _cuda_devices() -> str:
    count = torch.cuda.device_count()
    return f"{count} CUDA device{'s' if count > 1 else ''}" if count else "no CUDA GPU; use device=cpu"
