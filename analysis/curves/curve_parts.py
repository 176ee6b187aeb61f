"""`python -m analysis curves`: what it takes, and which picture that is."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from analysis.curves import curves, finding_curves
from analysis.paper.placement import published_name
from analysis.reading import findings
from analysis.tables.lines import METRICS, SETTINGS, labels
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_TRADEOFF = ("R_nat", "R_hyp_minus")
"""The axes of Figures 4 and 6 of Tao et al. (2022)."""


def add_arguments(part: argparse.ArgumentParser) -> None:
    """Say what it takes besides folders and -o."""
    x, y = _TRADEOFF
    one = f"{', '.join(METRICS)}, or a share or a number that the runs measured besides"
    text = f"horizontal axis: {', '.join(SETTINGS)}, {one} (default: {x})"
    part.add_argument("-x", metavar="NAME", help=text)
    part.add_argument("-y", metavar="NAME", help=f"vertical axis: {one} (default: {y})")
    part.add_argument("--paper", metavar="TABLE", help="draw a published table behind it, such as tao2022/table10")
    text = "instead, what a measurement found over a variable of its own, such as targeted.moved"
    part.add_argument("--of", metavar="FINDING.CURVE", help=text)


def draw(frame: pandas.DataFrame, options: argparse.Namespace) -> tuple[Figure, str]:
    """The picture that was asked for of the runs of `frame` (from `collect`), and the name of its files.

    Raises:
        InputError: for a name that is not there, and for options that do not go together.
    """
    if options.of is not None:
        if options.x or options.y or options.paper:
            raise InputError("--of: draws against the curve's own variable, leave out -x, -y and --paper")
        return _of_a_finding(frame, options.of)
    x, y = options.x or _TRADEOFF[0], options.y or _TRADEOFF[1]
    measured = labels(frame)
    _check("-x", x, [*SETTINGS, *measured])
    _check("-y", y, measured)
    name = "tradeoff" if (x, y) == _TRADEOFF else f"{y}-against-{x}"
    paper = None if options.paper is None else published_name(options.paper)  # of a rehearsal what it rehearses
    return curves.tradeoff_figure(frame, x, y, paper), name


def _of_a_finding(frame: pandas.DataFrame, key: str) -> tuple[Figure, str]:
    there = findings.curves(frame["findings"])
    if not there:
        raise InputError(f"--of {key}: no finished run here measured anything over a variable")
    _check("--of", key, there)
    curve = there[key]
    return finding_curves.figure(finding_curves.panels(frame, curve), curve), re.sub(r"[^\w-]", "-", key)


def _check(option: str, name: str, there: Collection[str]) -> None:
    if name not in there:
        raise InputError(f"{option}: takes one of {', '.join(there)}, got {name!r}")
