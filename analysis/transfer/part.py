"""`python -m analysis transfer`: heat maps, a CSV, and what the paper observed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from analysis import destinations
from analysis.reading import selection
from analysis.reading.collect import collect
from analysis.tables.cells import NORMS
from analysis.tables.records import as_csv
from analysis.transfer import heat_map
from analysis.transfer.matrix import matrix, records
from analysis.transfer.models import models
from analysis.transfer.observations import observations

if TYPE_CHECKING:
    import pandas

TEXT = "what examples crafted on each of several models do to the others: heat maps, and what the paper observed"


def add_arguments(part: argparse.ArgumentParser) -> None:
    """Say what it takes."""
    text = "run directories of one data set and threat model, or folders where they lie"
    part.add_argument("folders", nargs="+", type=Path, metavar="RUN", help=text)
    selection.add_option(part)
    destinations.add_output(part, "DIR", "default: the outputs above the first")


def run(options: argparse.Namespace) -> pandas.DataFrame:
    """Write transfer.csv and a heat map of either kind, and print the observations."""
    frame = selection.chosen(collect(options.folders), options.only)
    found = models(frame)
    folder = destinations.figure_folder(options)
    cells = matrix(found)
    destinations.write(as_csv(list(records(cells))), folder / "transfer.csv")
    first = frame[frame["state"] == "done"].iloc[0]
    heading = f"{first['dataset']}, {NORMS.get(first['norm'], first['norm'])} ε = {first['epsilon']}"
    for kind in heat_map.KINDS:
        destinations.save_figure(heat_map.figure(cells, kind, heading), folder, f"transfer-{kind}")
    for sentence in observations(cells):
        print(sentence)
    return frame
