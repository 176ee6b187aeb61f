"""The digits sweep with the launchers of one machine, against Hydra's own and against a process for each job."""

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
from hypo.command_line.grid import LAMBDAS
from hypo.settings.errors import InputError

DEFENSES = ("thrm", "trades")


def measure(repetitions: int) -> None:
    """Run all of them, each time into fresh folders, and print the ratios."""
    print(
        f"\nThe digits sweep, {len(DEFENSES) * len(LAMBDAS)} jobs, on the device that a job chooses itself,"
        " start-up included"
    )
    candidates: dict[str, Callable[[], None]] = {
        "a process a job": _process_per_job,
        "Hydra's basic launcher": _basic,
        "one process": partial(_launcher, "sequential"),
        "a worker for each core": partial(_launcher, "local"),
    }
    timings = alternate(candidates, repetitions, torch.device("cpu"))
    for ours in ("one process", "a worker for each core"):
        for other in ("a process a job", "Hydra's basic launcher"):
            print(f"  {other} / {ours}: time {ratio(timings, other, ours)}")


def _launcher(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sweep = (f"defense={','.join(DEFENSES)}", "lambda=0,1,5,...,100")
        _run("hypo.run", "-m", *sweep, f"hydra/launcher={name}", f"output_dir={folder}")


def _basic() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sweep = (f"defense={','.join(DEFENSES)}", f"lambda={','.join(map(str, LAMBDAS))}")
        plugins = ("hydra/launcher=basic", "hydra/sweeper=basic", f"hydra.sweep.dir={folder}")
        _run("benchmarks.basic", "-m", *sweep, *plugins, f"output_dir={folder}/outputs")


def _process_per_job() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for defense in DEFENSES:
            for lambda_ in LAMBDAS:
                _run("hypo.run", f"defense={defense}", f"lambda={lambda_}", f"output_dir={folder}")


def _run(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    root = Path(hypo.__file__).parents[1]
    finished = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if finished.returncode:
        reason = (finished.stderr or finished.stdout).strip().splitlines()[-1:]
        raise InputError(f"--sweep: {' '.join(command[1:])} failed: {' '.join(reason)}")
