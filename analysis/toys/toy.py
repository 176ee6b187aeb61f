"""`python -m analysis toy`: a problem by its formulas, beside sampling and numerical minimisation."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis import destinations
from analysis.files import make_folder, write_whole
from hypo.settings import checks
from hypo.settings.errors import InputError

NAMES = ("example1", "example2", "gaussian")

_EPSILON = {"example1": "1/10", "example2": "1/10", "gaussian": "0,1,10"}
_MEAN, _COVARIANCE = "6,3", "36,9,4"
"""The paper prints neither; with these its axes hold the samples, and x₂ is the feature that is not robust."""


def add_arguments(part: argparse.ArgumentParser) -> None:
    """What `toy` takes."""
    part.add_argument("toy", metavar="TOY", choices=NAMES, help=f"one of {', '.join(NAMES)}")
    defaults = "; ".join(f"{name}: {epsilon}" for name, epsilon in _EPSILON.items())
    text = f"how far an attack goes, of gaussian several (default: {defaults}); of example1 1/(2ε) is whole"
    part.add_argument("--epsilon", metavar="NUMBERS", help=text)
    part.add_argument("--samples", default="100000", metavar="N", help="how many are drawn (default: 100000)")
    part.add_argument("--seed", default="0", metavar="N", help="of what is drawn (default: 0)")
    part.add_argument("--mean", metavar="X,Y", help=f"of gaussian (default: {_MEAN})")
    part.add_argument("--covariance", metavar="XX,XY,YY", help=f"of gaussian (default: {_COVARIANCE})")
    destinations.add_output(part, "DIR", "where its picture and CSV go (default: outputs)")


def run(options: argparse.Namespace) -> None:
    """Print the table of one problem, and save it and its picture.

    Raises:
        InputError: for a setting that it does not take.
    """
    from analysis.tables.records import as_csv
    from analysis.toys import example1, example2, gaussian
    from analysis.toys.check import markdown, records

    name = options.toy
    samples = checks.integer("--samples", options.samples, at_least=2)
    seed = checks.integer("--seed", options.seed, at_least=0)
    epsilons = _numbers("--epsilon", options.epsilon or _EPSILON[name])
    if name == "gaussian":
        mean = _numbers("--mean", options.mean or _MEAN)
        covariance = _numbers("--covariance", options.covariance or _COVARIANCE)
        shown = gaussian.toy(epsilons, samples, seed, mean, covariance)
    else:
        for option in ("mean", "covariance"):
            if getattr(options, option) is not None:
                raise InputError(f"--{option}: goes with gaussian, {name} has none")
        if len(epsilons) != 1:
            raise InputError(f"--epsilon: takes one number for {name}, got {checks.shown(options.epsilon)}")
        shown = (example1 if name == "example1" else example2).toy(epsilons[0], samples, seed)
    print(markdown(shown))
    folder = options.output or Path("outputs")
    make_folder(folder)
    path = folder / f"toy-{name}.csv"
    write_whole(path, as_csv(records(shown)).encode())
    print(path)
    destinations.save_figure(shown.figure, folder, f"toy-{name}")


def _numbers(key: str, typed: str) -> list[float]:
    return [checks.number(key, part) for part in typed.split(",")]
