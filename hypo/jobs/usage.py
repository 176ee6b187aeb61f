"""What an attempt uses of the machine: its memory, and the memory and time of a GPU."""

from __future__ import annotations

import re
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

_EVERY_SECONDS = 2.0
"""How often the utilisation of a GPU is asked for; it is that of the last second at most."""


class Meter:
    """Measures from its making to `stop`.

    Peaks are those of the process, which may have had other runs before. So they are reset: that of the GPU
    always, that of the memory where the system can (Linux); elsewhere it is the most that the process ever had.
    """

    def __init__(self, device: torch.device) -> None:
        self._gpu = device if device.type == "cuda" else None
        self._began = time.monotonic()
        self._utilisation: list[float] = []
        self._stopped = threading.Event()
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        if self._gpu is not None:
            torch.cuda.empty_cache()  # or what an earlier run has freed would count as this one's
            torch.cuda.reset_peak_memory_stats(self._gpu)
            if _utilisation(self._gpu) is not None:
                threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        """End the thread that watches the GPU, if there is one."""
        self._stopped.set()

    def so_far(self) -> dict[str, Any]:
        """What is known by now; never an error.

        `seconds`: since when. `peak_memory`: the largest resident set of the process in bytes, with the libraries
        that processes share. On CUDA also `gpu` (its name), `gpu_memory` (what it has), `peak_gpu_memory` (the
        most that PyTorch held of it for this process, in bytes too; what the driver takes, some hundred MB, is not
        in it) and, where NVML can be asked, `gpu_utilisation`: the mean share of time, in [0, 1], in which the GPU
        had something to do, whoever gave it.
        """
        used: dict[str, Any] = {"seconds": round(time.monotonic() - self._began, 3), "peak_memory": _peak_memory()}
        if self._gpu is not None:
            with suppress(Exception):  # after an error on the device nothing may be asked of it any more
                about = torch.cuda.get_device_properties(self._gpu)
                used |= {"gpu": about.name, "gpu_memory": about.total_memory}
                used["peak_gpu_memory"] = torch.cuda.max_memory_reserved(self._gpu)
        if seen := list(self._utilisation):
            used["gpu_utilisation"] = round(sum(seen) / len(seen), 4)
        return used

    def _watch(self) -> None:
        while self._gpu is not None and not self._stopped.wait(_EVERY_SECONDS):
            share = _utilisation(self._gpu)
            if share is None:
                return
            self._utilisation.append(share)


def _utilisation(gpu: torch.device) -> float | None:
    """None where NVML is not there, or does not know, as of a part of a GPU."""
    try:
        return torch.cuda.utilization(gpu) / 100
    except Exception:  # it has a dozen types of its own, and none is worth a run
        return None


def _peak_memory() -> int:
    try:
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        if found is not None:
            return 1024 * int(found[1])
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
