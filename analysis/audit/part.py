"""`python -m analysis audit`: the page on one run."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis import destinations
from analysis.audit.write import write

TEXT = "one page on a finished run, a single file that opens without a network"


def add_arguments(part: argparse.ArgumentParser) -> None:
    """Say what it takes besides -o."""
    part.add_argument("run", type=Path, help="directory of a finished run")
    destinations.add_output(part, "FILE", "default: audit.html in the run directory")


def run(options: argparse.Namespace) -> None:
    """Write it and say where."""
    print(write(options.run, options.output or options.run / "audit.html"))
