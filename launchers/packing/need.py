"""What a run needs of a machine, and how many of them it holds."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_GIB = 2**30

_DRIVER = 0.5 * _GIB
"""What a process takes of a GPU beside what PyTorch says: a CUDA context is of that order on large GPUs."""

_FILLED = 0.9
"""As much of a memory is planned with; other runs, or what comes after training, may need a little more."""


@dataclass(frozen=True)
class Need:
    """Of the neediest run so far, in bytes; None where that is not known.

    Attributes:
        gpu: the name of the GPU; gpu_memory: what it has.
        peak_gpu_memory, peak_memory: what the run took, of that and of the machine's.
    """

    gpu: str | None = None
    gpu_memory: float | None = None
    peak_gpu_memory: float | None = None
    peak_memory: float | None = None

    def beside(self, usage: Mapping[str, Any]) -> Need:
        """With another run, of which the status says `usage`."""
        return Need(
            usage.get("gpu") or self.gpu,
            usage.get("gpu_memory") or self.gpu_memory,
            *(
                max(filter(None, (getattr(self, peak), usage.get(peak))), default=None)
                for peak in ("peak_gpu_memory", "peak_memory")
            ),
        )


@dataclass(frozen=True)
class Machine:
    """What the runs share.

    Attributes:
        gpus: how many GPUs.
        cores: how many cores for all of them; a run keeps one busy that feeds its GPU.
        memory: what all processes may have together, in bytes; None where nothing says.
    """

    gpus: int
    cores: int
    memory: float | None = None

    @property
    def most(self) -> int:
        """How many runs a GPU holds at most, each with a core of its own."""
        return max(1, self.cores // self.gpus)

    def gpu_is_too_small(self, runs: int, need: Need) -> str:
        """Why so many runs do not fit on a GPU; "" where they do, or nothing is known."""
        if not need.gpu_memory or not need.peak_gpu_memory:
            return ""
        return _too_much(runs, need.peak_gpu_memory + _DRIVER, need.gpu_memory, "")

    def is_too_small(self, runs: int, need: Need) -> str:
        """Why the machine has not enough for so many runs on each of its GPUs, in memory or cores; "" else."""
        if runs > self.most:
            return f"{runs * self.gpus} runs on {self.cores} core{'s' if self.cores > 1 else ''}"
        if not self.memory or not need.peak_memory:
            return ""
        return _too_much(runs * self.gpus, need.peak_memory, self.memory, " of the machine's memory")


def _too_much(count: int, each: float, limit: float, of: str) -> str:
    if count * each <= _FILLED * limit:
        return ""
    return f"{count} × {each / _GIB:.3g} of {limit / _GIB:.3g} GiB{of}, a tenth of which stays free"


def machine_memory() -> float | None:
    """What the processes of this machine, or of this container, may use, in bytes; None where nothing says."""
    limits = []
    with suppress(OSError, StopIteration, ValueError):
        line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
        limits.append(1024.0 * int(line.split()[1]))
    with suppress(OSError, ValueError):
        limits.append(float(Path("/sys/fs/cgroup/memory.max").read_text()))  # "max" is no number
    return min(limits, default=None)
