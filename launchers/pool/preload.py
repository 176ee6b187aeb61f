"""What the process imports, and ignores, that all workers are forked from."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from importlib import import_module

# Slurm signals every process of a job; this one ends when the one that started it does.
for _number in (signal.SIGTERM, signal.SIGUSR2):
    signal.signal(_number, signal.SIG_IGN)

# The current directory, which Python puts first here, holds other code than the copy a job is to run.
sys.path[:] = [path for path in sys.path if path]

with suppress(Exception):  # code that is broken fails again in each worker, which can say so
    # Python runs the main module, hypo.run, again in each worker, but complains where it has been imported before.
    import hydra  # noqa: F401

    import hypo.command_line.explain
    import hypo.command_line.worker  # noqa: F401

    # What every run comes to need, and would import then: here once for all.
    for _name in ("pandas.io.parquet", "pyarrow.dataset", "safetensors.torch", "PIL.Image"):
        import_module(_name)
