"""Which of the runs are looked at: those that --only KEY=VALUE keeps."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.reading.setting_values import several, written
from hypo.settings import checks
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas

OPTIONS = ("dataset", "training_data", "arch", "defense", "lambda", "norm", "epsilon", "recipe", "evaluation")
"""The columns of `collect` that name what was chosen of each kind."""

_ONE_RUN = ("seed", "run_id")


def add_option(part: argparse.ArgumentParser) -> None:
    """Let `part` take --only."""
    text = (
        "only runs with that value, of an option such as defense or of a setting such as recipe.epochs; repeatable"
    )
    part.add_argument("--only", metavar="KEY=VALUE", action="append", default=[], help=text)


def chosen(frame: pandas.DataFrame, only: Sequence[str]) -> pandas.DataFrame:
    """The runs of `frame` (from `collect`) that have every value of `only`, such as "recipe.epochs=110".

    Raises:
        InputError: for a key that no run has, and a value that none of those has which are left.
    """
    for typed in only:
        key, equals, value = typed.partition("=")
        if not equals:
            raise InputError(f"--only: takes KEY=VALUE, such as recipe.epochs=110, got {typed!r}")
        _check_key(frame, key)
        kept = frame[[_is(found, value) for found in frame[key]]]
        if kept.empty:
            there = [text for text in several(frame[key].astype(object)) if text]
            raise InputError(f"--only {typed}: no run has that, there is {', '.join(there) or 'no value'}")
        frame = kept
    return frame


def _check_key(frame: pandas.DataFrame, key: str) -> None:
    single = [column for column in frame.columns if "." in column]
    if key not in (*OPTIONS, *_ONE_RUN, *single):
        group = [column for column in single if column.partition(".")[0] == key.partition(".")[0]]
        there = group or (*OPTIONS, *_ONE_RUN, "settings such as recipe.epochs")
        raise InputError(f"--only {key}: no run has such a setting, there is {', '.join(there)}")


def _is(found: Any, typed: str) -> bool:
    """Whether a run's value is the one that was typed: 5e-4 is 0.0005, and null is none."""
    value = written(found)
    if value == ("none" if typed == "null" else typed) or value.lower() == typed.lower():
        return True
    try:
        return checks.number("", value) == checks.number("", typed)
    except InputError:
        return value.replace(" ", "") == typed.replace(" ", "")
