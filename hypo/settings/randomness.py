"""Random numbers that depend on what they are for, not on when they are drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


def derive(seed: int, *purpose: str | int) -> int:
    """A seed of its own for one purpose of a run, such as ("shuffle", epoch); in [0, 2**63)."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(device: torch.device, seed: int, *purpose: str | int) -> torch.Generator:
    """A generator on `device` for one purpose of a run; the same purpose gives the same numbers."""
    return torch.Generator(device).manual_seed(derive(seed, *purpose))


@contextmanager
def seeded(device: torch.device, seed: int, *purpose: str | int) -> Iterator[None]:
    """Torch's own generators, of the CPU and of `device`, seeded for one purpose of a run, and then as before.

    Initialisation and dropout draw from these and take no other.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derive(seed, *purpose))
        yield


def example_noise(seed: int, attack: str, restart: int, examples: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise for each example, (len(examples), *shape) float32 on the examples' device.

    Each row is drawn from (seed, attack, restart, example) alone, with a counter-based generator, so that it
    does not depend on the batch an example is in, nor on which other examples are still attacked.
    """
    philox = np.random.Philox(key=derive(seed, attack, restart))
    generator = np.random.Generator(philox)
    # One generator is set back to each example's counter: making a new one takes several times as long.
    state = philox.state
    rows = np.empty((len(examples), *shape), np.float32)
    for row, example in zip(rows, examples.tolist(), strict=True):
        state["state"]["counter"][3] = example
        philox.state = state
        generator.standard_normal(dtype=np.float32, out=row)
    return torch.from_numpy(rows).to(examples.device)
