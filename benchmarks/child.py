"""`python -m benchmarks.child ARGUMENT…`: `python -m hypo.run` up to its first epoch, and what that took.

Without arguments nothing but torch is imported. What is printed last are the seconds that it took of one core, and
the peak of its memory in bytes.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import NoReturn

import torch

from hypo.jobs.usage import Meter


def _end(*_: object, **__: object) -> NoReturn:
    used = meter.so_far()
    print(time.process_time(), used["peak_memory"], flush=True)
    os._exit(0)  # what the end takes is no part of the beginning


if __name__ == "__main__":
    meter = Meter(torch.device("cpu"))
    if sys.argv[1:]:
        from hypo import run
        from hypo.training import loop

        loop.train = _end  # before hypo.jobs.experiment takes it from there
        with suppress(SystemExit):
            run.main()
    _end()
