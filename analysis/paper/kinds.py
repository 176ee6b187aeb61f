"""Runs that differ in more than their seed are of several kinds, and are never averaged."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.paper.published_recipes import settings_that_matter
from analysis.reading.setting_values import several, written
from hypo.settings.errors import InputError


def refuse_mixtures(
    where: str, runs: Sequence[Mapping[str, Any]], but: Callable[[str], bool] = lambda key: False
) -> None:
    """Make sure that `runs` (rows of `collect`) differ in seeds alone, and in settings that `but` is true of.

    A setting that an older run did not record is not known to differ.

    Raises:
        InputError: otherwise, saying of `where` what differs and how to keep one kind.
    """
    settings = [
        {"epsilon": run["epsilon_value"]}
        | {key: value for key, value in settings_that_matter(run).items() if not but(key)}
        for run in runs
    ]
    keys = dict.fromkeys(key for each in settings for key in each)
    values = {key: several(each[key] for each in settings if key in each) for key in keys}
    differing = {key: found for key, found in values.items() if len(found) > 1}
    if differing:
        told = "; ".join(f"{key} = {' or '.join(found)}" for key, found in differing.items())
        raise InputError(f"{where}: would average runs that differ, {told}: add {_choice(settings, differing)}")


def refuse_twins(where: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Make sure that no two of `runs` have one seed.

    Raises:
        InputError: otherwise, with their run ids.
    """
    for seed, count in Counter(run["seed"] for run in runs).items():
        if count > 1:
            twins = [run["run_id"] for run in runs if run["seed"] == seed]
            told = f"would average {count} runs of seed {seed}: {', '.join(twins)}"
            raise InputError(f"{where}: {told}: add --only run_id={twins[0]}, or give fewer folders")


def _choice(settings: Sequence[Mapping[str, Any]], differing: Mapping[str, Any]) -> str:
    """What to type to keep the kind that most runs are of."""
    kinds = Counter(tuple(written(each[key]) if key in each else None for key in differing) for each in settings)
    ((kept, _),) = kinds.most_common(1)
    words, left = [], list(kinds)
    for at, key in enumerate(differing):
        if kept[at] is not None and any(kind[at] != kept[at] for kind in left):
            words.append(f"--only {shlex.quote(f'{key}={kept[at]}')}")
            left = [kind for kind in left if kind[at] == kept[at]]
    return " ".join(words)
