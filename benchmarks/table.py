"""`python -m benchmarks.table`: many runs into a table, read anew and from the cache beside them."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import yaml

from analysis.reading import row_cache
from analysis.reading.collect import collect
from analysis.tables.tables import markdown, tradeoff_table
from benchmarks.command_line import repetitions, run
from benchmarks.measuring import alternate, heading, ratio
from hypo.settings import checks
from hypo.settings.identity import SCHEMA

_LAMBDAS = (0, 1, 5, 10, 20, 40, 60, 80, 100, 200)
_METRICS = ("D", "A", "F", "R_nat", "R_adv", "R_adv_plus", "R_hyp", "R_hyp_minus", "R_sta", "R_sta_minus")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the run directories, time both, and print what came out; the exit code."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__)
    options.add_argument("--runs", default="10000", help="how many (default: 10000)")
    options.add_argument("--repetitions", default="3", help="how often everything is timed (default: 3)")
    given = options.parse_args(arguments)
    return run(lambda: _measure(given))


def _measure(given: argparse.Namespace) -> None:
    count, times = checks.integer("--runs", given.runs, at_least=1), repetitions(given.repetitions)
    with tempfile.TemporaryDirectory() as scratch:
        outputs = Path(scratch)
        for number in range(count):
            _make(outputs / "runs", number)

        def warm() -> None:
            markdown(tradeoff_table(collect(outputs)))

        def cold() -> None:
            (outputs / row_cache.NAME).unlink(missing_ok=True)
            warm()

        device = torch.device("cpu")
        timings = alternate({"cold": cold, "warm": warm}, times, device)
        began = time.perf_counter()
        warm()
        last = time.perf_counter() - began
    print(heading(device, times, seed=0))
    print(f"{count:,} runs into the table, read anew / from the cache: {ratio(timings, 'cold', 'warm')}")
    print(f"Here and now from the cache: {last:.1f} s")


def _make(runs: Path, number: int) -> None:
    """A run directory with the files of a finished run that a table needs, of the usual size."""
    lambda_, seed = _LAMBDAS[number % len(_LAMBDAS)], number // len(_LAMBDAS)
    run_id = f"{number:012x}"
    directory = runs / f"digits-mlp-thrm-lambda{lambda_}-s{seed}-{run_id}"
    directory.mkdir(parents=True)
    config = {
        **{"schema": SCHEMA, "run_id": run_id, "name": directory.name.rpartition("-")[0]},
        **{"dataset": {"name": "digits"}, "training_data": {"name": "quality"}, "arch": {"name": "mlp"}},
        "defense": {"name": "thrm", "lambda_": lambda_, "attack": {"steps": 5, "relative_step": 0.4}},
        "threat_model": {"name": "linf", "epsilon": 0.1},
        "recipe": {"name": "digits", **{f"setting_{index}": index for index in range(25)}},
        "evaluation": {"name": "pgd20", "batch": 500},
        **{"lambda": lambda_, "epsilon": 0.1, "seed": seed, "device": "auto"},
    }
    values = {metric: 0.5 for metric in _METRICS}
    intervals = {metric: [0.4, 0.6] for metric in _METRICS}
    (directory / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (directory / "status.json").write_text(json.dumps({"schema": SCHEMA, "state": "done", "command": "hypo"}))
    result = {"schema": SCHEMA, "run_id": run_id, "n": 1197, **values, "counts": {}, "intervals": intervals}
    (directory / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
