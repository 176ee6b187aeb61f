"""Where a run computes."""

from __future__ import annotations

import torch

from hypo.errors import InputError


def resolve(device: str) -> torch.device:
    """The device of that name; "auto" is the first CUDA device where there is one, else the CPU.

    Raises:
        InputError: when there is no such device on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        resolved = torch.device("meta")
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device: {device} is not there; this machine has {_cuda_devices()}")
    if resolved.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("device: mps is not there; this machine has no Apple GPU that torch can use")
    if resolved.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device: takes auto, cpu, cuda, cuda:<index> or mps, got {device!r}")
    return resolved


def _cuda_devices() -> str:
    count = torch.cuda.device_count()
    return f"{count} CUDA device{'s' if count > 1 else ''}" if count else "no CUDA GPU; use device=cpu"
