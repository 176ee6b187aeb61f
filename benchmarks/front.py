"""`python -m benchmarks.front`: the digits by `hydra/sweeper=front`, beside the published grid of λ."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.curves.curves import draw
from analysis.curves.drawing import save
from analysis.reading.collect import collect
from analysis.tables.lines import panels
from benchmarks.command_line import run
from hypo.settings import checks
from hypo.settings.errors import InputError
from launchers.front.steps import Point, steps

if TYPE_CHECKING:
    import pandas

_METHODS = "defense=thrm,trades"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the grid, a front as fine as it, and a finer one; print what they are, and draw them; the exit code."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.front", description=__doc__)
    options.add_argument("--seeds", default="5", help="how many (default: 5)")
    options.add_argument("--outputs", default="outputs", help="where runs lie, or will (default: outputs)")
    options.add_argument("--picture", help="draw the grid and the finer front into this .png, .pdf or .svg")
    options.add_argument("typed", nargs="*", help="further settings of all runs, such as hydra/launcher=local")
    given = options.parse_args(arguments)
    return run(lambda: _compare(given))


def _compare(given: argparse.Namespace) -> None:
    seeds = checks.integer("--seeds", given.seeds, at_least=1)
    shared = [_METHODS, f"seed={','.join(map(str, range(seeds)))}", f"output_dir={given.outputs}", *given.typed]
    grid = _swept(*shared, "lambda=0,1,5,...,100")
    widest = max(gaps(grid).values())
    print(f"lambda=0,1,5,...,100: {_said(grid)}", flush=True)

    def front(gap: float) -> pandas.DataFrame:
        budget = f"hydra.sweeper.budget={len(grid)}"
        return _swept(*shared, "lambda=0,100", "hydra/sweeper=front", budget, f"hydra.sweeper.gap={gap}")

    print(f"front, no wider than the widest of these: {_said(front(widest))}", flush=True)
    finer = front(2)
    print(f"front, 2 points, at most as many runs: {_said(finer)}")
    if given.picture:
        shown = {"λ = 0, 1, 5, 10, 20, 40, 60, 80, 100": grid, "hydra/sweeper=front lambda=0,100": finer}
        row = [
            replace(panel, heading=f"{name}: {len(frame)} runs")
            for name, frame in shown.items()
            for panel in panels(frame, "R_nat", "R_hyp_minus")
        ]
        save(draw([row], "R_nat", "R_hyp_minus"), given.picture)


def gaps(frame: pandas.DataFrame) -> dict[str, float]:
    """The widest step of each method of `frame` (from `collect`), in points."""
    widest = {}
    for defense, runs in frame.groupby("defense", sort=False):
        points = [
            Point(lambda_, {seed: (100 * natural, 100 * hypocritical) for seed, natural, hypocritical in rows})
            for lambda_ in runs["lambda_value"].unique()
            for rows in [runs.loc[runs["lambda_value"] == lambda_, ["seed", "R_nat", "R_hyp_minus"]].to_numpy()]
        ]
        widest[str(defense)] = max(step.change.size for step in steps(points, gap=1))
    return widest


def _said(frame: pandas.DataFrame) -> str:
    found = ", ".join(
        f"{defense} {widest:.1f} points at {frame[frame['defense'] == defense]['lambda_value'].nunique()} λ"
        for defense, widest in gaps(frame).items()
    )
    return f"{len(frame)} runs; widest gap: {found}"


def _swept(*typed: str) -> pandas.DataFrame:
    """The runs of a sweep that is typed."""
    command = [sys.executable, "-m", "hypo.run", "-m", *typed]
    finished = subprocess.run(command, capture_output=True, text=True)
    folder = re.search(r"^Table and curve: python -m analysis tables (.*)$", finished.stdout, re.MULTILINE)
    if finished.returncode or folder is None:
        reason = (finished.stderr or finished.stdout).strip().splitlines()[-1:]
        raise InputError(f"{' '.join(command[1:])} failed: {' '.join(reason)}")
    return collect(Path(folder[1]))


if __name__ == "__main__":
    sys.exit(main())
