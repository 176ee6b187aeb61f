"""The digits sweep in one process, and in a pool of them, against a process for each of its jobs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

import hypo
from benchmarks.measuring import alternate, ratio
from hypo.errors import InputError
from hypo.grid import LAMBDAS

DEFENSES = ("thrm", "trades")


def measure(repetitions: int) -> None:
    """Run all three, each time into fresh folders, and print the ratios."""
    print(
        f"\nThe digits sweep, {len(DEFENSES) * len(LAMBDAS)} jobs, on the device that a job chooses itself,"
        " start-up included"
    )
    candidates: dict[str, Callable[[], None]] = {
        "a process a job": _process_per_job,
        "one process": partial(_launcher, "sequential"),
        "a worker for each core": partial(_launcher, "local"),
    }
    timings = alternate(candidates, repetitions, torch.device("cpu"))
    for ours in ("one process", "a worker for each core"):
        print(f"  a process a job / {ours}: time {ratio(timings, 'a process a job', ours)}")


def _launcher(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sweep = (f"defense={','.join(DEFENSES)}", "lambda=0,1,5,...,100")
        _run("-m", *sweep, f"hydra/launcher={name}", f"output_dir={folder}")


def _process_per_job() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for defense in DEFENSES:
            for lambda_ in LAMBDAS:
                _run(f"defense={defense}", f"lambda={lambda_}", f"output_dir={folder}")


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", "hypo.run", *arguments]
    root = Path(hypo.__file__).parents[1]
    finished = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if finished.returncode:
        reason = (finished.stderr or finished.stdout).strip().splitlines()[-1:]
        raise InputError(f"--sweep: {' '.join(command[1:])} failed: {' '.join(reason)}")
