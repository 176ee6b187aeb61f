"""`python -m analysis examples` and `samples`: single images of run directories."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from analysis import destinations
from analysis.curves.drawing import save
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OF_EACH_KIND, _BESIDE_EACH_OTHER, _SAMPLES = 8, 4, 8


def add_examples_arguments(part: argparse.ArgumentParser) -> None:
    """What `examples` takes."""
    _add_runs(part, "examples.png", "run directories, several on one data set")
    text = "test images by their index in the test set, such as 422,4503: a row of pictures for every RUN"
    part.add_argument("--examples", metavar="INDICES", help=text)
    text = (
        f"how many, where none are named: of one RUN so many of each kind (default: {_OF_EACH_KIND}); of several "
        f"the test images that the most of them hide, of equals the first (default: {_BESIDE_EACH_OTHER})"
    )
    part.add_argument("--count", type=int, help=text)


def add_samples_arguments(part: argparse.ArgumentParser) -> None:
    """What `samples` takes."""
    _add_runs(part, "samples.png", "run directories")
    text = f"how many training images, drawn at random and always the same (default: {_SAMPLES})"
    part.add_argument("--count", type=int, help=text)


def run_examples(options: argparse.Namespace) -> None:
    """Draw what one run hides and what is broken of it, or test images with all runs that were typed."""
    from analysis.curves import examples, side_by_side

    runs, one = options.folders, len(options.folders) == 1
    count = _count(options, _OF_EACH_KIND if one else _BESIDE_EACH_OTHER)
    if options.examples is not None and options.count is not None:
        raise InputError("--count: goes with images that are not named, leave out --count or --examples")
    if options.examples is None and one:
        drawn = examples.figure(examples.examples(runs[0], count))
    else:
        named = side_by_side.most_hidden(runs, count) if options.examples is None else _indices(options.examples)
        drawn = side_by_side.figure(side_by_side.side_by_side(runs, named))
    _save(drawn, options, "examples.png")


def run_samples(options: argparse.Namespace) -> None:
    """Draw what the models of all runs that were typed were trained on."""
    from analysis.curves.samples import figure, samples

    count = _count(options, _SAMPLES)
    _save(figure([samples(run, count) for run in options.folders]), options, "samples.png")


def _add_runs(part: argparse.ArgumentParser, file: str, text: str) -> None:
    part.add_argument("folders", nargs="+", type=Path, metavar="RUN", help=text)
    destinations.add_output(part, "FILE", f"default: RUN/{file}; of several runs, in the outputs above the first")


def _count(options: argparse.Namespace, default: int) -> int:
    if options.count is not None and options.count < 1:
        raise InputError(f"--count: takes a whole number >= 1, got {options.count}")
    return default if options.count is None else int(options.count)


def _indices(typed: str) -> list[int]:
    names = [name.strip() for name in typed.split(",")]
    if not all(name.isascii() and name.isdecimal() for name in names):
        raise InputError(f"--examples: takes indices of test images such as 422,4503, got {typed!r}")
    return list(dict.fromkeys(map(int, names)))


def _save(figure: Figure, options: argparse.Namespace, name: str) -> None:
    """Where -o says; else in the run that was typed, or of several in the outputs above the first."""
    runs: list[Path] = options.folders
    path = options.output or (runs[0] if len(runs) == 1 else destinations.home(options)) / name
    save(figure, path)
    print(path)
