"""The digits sweep in one process against a process for each of its jobs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import hypo
from benchmarks.measuring import alternate, ratio
from hypo.errors import InputError
from hypo.grid import LAMBDAS

DEFENSES = ("thrm", "trades")


def measure(repetitions: int) -> None:
    """Run both, each time into fresh folders, and print the ratio."""
    print(
        f"\nThe digits sweep, {len(DEFENSES) * len(LAMBDAS)} jobs, on the device that a job chooses itself,"
        " start-up included"
    )
    candidates = {"a process a job": _process_per_job, "one process": _one_process}
    timings = alternate(candidates, repetitions, torch.device("cpu"))
    print(f"  a process a job / one process: time {ratio(timings, 'a process a job', 'one process')}")


def _one_process() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _run("-m", f"defense={','.join(DEFENSES)}", "lambda=0,1,5,...,100", f"output_dir={folder}")


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
