"""What the process imports, and ignores, that all workers are forked from."""

from __future__ import annotations

import signal
import sys

# Slurm signals every process of a job; this one ends when the one that started it does.
for _number in (signal.SIGTERM, signal.SIGUSR2):
    signal.signal(_number, signal.SIG_IGN)

# The current directory, which Python puts first here, holds other code than the copy a job is to run.
sys.path[:] = [path for path in sys.path if path]

# Python runs the main module, hypo.run, again in each worker, but complains where it has been imported before.
import hydra  # noqa: E402, F401

import hypo.explain  # noqa: E402
import hypo.worker  # noqa: E402, F401
