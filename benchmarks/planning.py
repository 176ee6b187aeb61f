"""`python -m benchmarks.planning`: a grid of many cells planned and submitted, and how soon a run begins."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import open_dict

import hypo
from benchmarks.command_line import repetitions, run
from benchmarks.measuring import heading, ratio
from hypo.command_line import resolvers
from hypo.command_line.config import job_from_config
from hypo.command_line.config_folder import FOLDER
from hypo.settings import checks
from hypo.settings.errors import InputError
from launchers.planning.sweep import compose

_DEFENSES, _LAMBDAS = ("thrm", "trades"), range(50)
_COMPOSED = 10  # by Hydra alone, which takes its time

# What answers in the place of Slurm, as soon as it can.
_SLURM = {
    "sbatch": "echo Submitted batch job $$",
    "scontrol": "echo 'MaxArraySize = 1001'",
    "squeue": "exit 0",
    "sacct": "exit 0",
    "srun": "exit 0",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Time both, and print what came out; the exit code."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.planning", description=__doc__)
    options.add_argument("--cells", default="10000", help="how many, in hundreds (default: 10000)")
    options.add_argument("--repetitions", default="3", help="how often everything is timed (default: 3)")
    given = options.parse_args(arguments)
    return run(lambda: _measure(given))


def _measure(given: argparse.Namespace) -> None:
    seeds = -(-checks.integer("--cells", given.cells, at_least=1) // (len(_DEFENSES) * len(_LAMBDAS)))
    times = repetitions(given.repetitions)
    print(heading(torch.device("cpu"), times, seed=0))
    _compare_composing(seeds, times)
    _submit(seeds, times)
    _begin(times)


def _compare_composing(seeds: int, times: int) -> None:
    """A cell planned among others, and one composed, checked and named by itself."""
    Plugins.instance()
    resolvers.register()
    with initialize_config_dir(str(FOLDER), version_base="1.3"):
        loader: Any = GlobalHydra.instance().config_loader()
    master = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)
    grid = [
        [f"defense={defense}", f"lambda={lambda_}", f"seed={seed}"]
        for defense, lambda_, seed in product(_DEFENSES, _LAMBDAS, range(seeds))
    ]
    alone = grid[:: -(-len(grid) // _COMPOSED)]

    def by_hydra() -> None:
        for cell in alone:
            config = loader.load_sweep_config(master, cell)
            choices = config.hydra.runtime.choices
            with open_dict(config):
                del config["hydra"]
            job = job_from_config(config, choices, cell)
            job.experiment.check(here=False)
            assert job.run_id

    def ours() -> None:
        compose(loader, master, grid, here=False)

    a_cell: dict[str, list[float]] = {"Hydra": [], "ours": []}
    for _ in range(times):
        a_cell["Hydra"].append(_seconds(by_hydra) / len(alone))
        a_cell["ours"].append(_seconds(ours) / len(grid))
    print(f"A cell composed by itself / among {len(grid):,}: {ratio(a_cell, 'Hydra', 'ours')}")


def _seconds(work: Callable[[], None]) -> float:
    """The time that it takes of one core."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _submit(seeds: int, times: int) -> None:
    """The whole command, up to a stand-in for sbatch, beside the import of torch, by which cells are checked."""
    grid = [f"defense={','.join(_DEFENSES)}", f"lambda=range(0,{len(_LAMBDAS)})", f"seed=range(0,{seeds})"]
    torch_alone, planned, texts = [], [], []
    for _ in range(times):
        torch_alone.append(_child())
        with tempfile.TemporaryDirectory() as folder:
            commands = Path(folder, "bin")
            commands.mkdir()
            for name, answer in _SLURM.items():
                (commands / name).write_text(f"#!/bin/sh\n{answer}\n")
                (commands / name).chmod(0o755)
            path = f"{commands}{os.pathsep}{os.environ['PATH']}"
            command = ["-m", "hydra/launcher=slurm", *grid, f"output_dir={folder}/outputs"]
            planned.append(_child(*command, PATH=path))
            texts += [file.stat().st_size for file in Path(folder).glob("outputs/sweeps/*/runs.jsonl")]
    cells = len(_DEFENSES) * len(_LAMBDAS) * seeds
    beside = {
        key: [one[key] - other[key] for one, other in zip(planned, torch_alone, strict=True)] for key in planned[0]
    }
    print(f"{cells:,} cells planned and submitted, seconds of one core: {_spread(_column(planned, 'seconds'))},")
    print(f"  without torch's own import {_spread(beside['seconds'])}")
    print(f"Peak memory, MB: {_spread(_column(planned, 'megabytes'))}, beside torch's own import", end=" ")
    print(f"{_spread(beside['megabytes'])}; the configs as text are {statistics.median(texts) / 1e6:.1f}")


def _begin(times: int) -> None:
    """A run up to its first epoch, beside the import of torch."""
    beside, shares = [], []
    for _ in range(times):
        alone = _child()["seconds"]
        with tempfile.TemporaryDirectory() as folder:
            started = _child(f"output_dir={folder}")["seconds"]
        beside.append(started - alone)
        shares.append((started - alone) / alone)
    print(f"Up to the first epoch, beside torch's own import, seconds of one core: {_spread(beside)},")
    print(f"  relative to that import {_spread(shares)}")


def _child(*arguments: str, **environment: str) -> dict[str, float]:
    """What `benchmarks.child` printed: the seconds of one core that it took, and its peak memory in MB."""
    root = Path(hypo.__file__).parents[1]
    path = os.pathsep.join([str(root), str(root / "launchers/plugins")])
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.child", *arguments],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
    )
    if finished.returncode or finished.stderr:
        reason = " ".join(finished.stderr.strip().splitlines()[-1:])
        raise InputError(f"--cells: python -m hypo.run {' '.join(arguments)} failed: {reason}")
    seconds, peak = finished.stdout.splitlines()[-1].split()
    return {"seconds": float(seconds), "megabytes": int(peak) / 1e6}


def _column(rows: Sequence[Mapping[str, float]], key: str) -> list[float]:
    return [row[key] for row in rows]


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


if __name__ == "__main__":
    sys.exit(main())
